import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { hunt } from './hunt.ts';
import { play } from './oracle.ts';
import { Sandbox } from './sandbox.ts';
import { caseOfScript } from './script.ts';

// node main.mjs <cases> [<first seed>]: hunts, and writes each kind of finding into DEVS_ADVERSARY_FINDINGS.
// node main.mjs replay <script>...: plays the cases of such findings again.
const [count = '1000', first = '1'] = process.argv.slice(2);
const root = process.env.DEVS_ADVERSARY_SCRATCH ?? fs.mkdtempSync(path.join(os.tmpdir(), 'devs-adversary-'));
// Another user plays some cases.
fs.mkdirSync(root, { recursive: true });
fs.chmodSync(root, 0o755);
const findings = process.env.DEVS_ADVERSARY_FINDINGS ?? path.join(root, 'findings');
fs.mkdirSync(findings, { recursive: true });
if (count === 'replay') await replay(process.argv.slice(3));
else await huntFrom(Number(first), Number(count));

async function replay(scripts: readonly string[]): Promise<void> {
  const sandbox = new Sandbox(path.join(root, 'replay'));
  for (const script of scripts) {
    const { finding } = await play(sandbox, caseOfScript(fs.readFileSync(script, 'latin1')));
    process.stdout.write(`${script}: ${finding?.signature ?? 'nothing found'}\n`);
  }
}

async function huntFrom(first: number, count: number): Promise<void> {
  const began = Date.now();
  let number = 0;
  const seen = await hunt(
    Array.from(
      { length: Number(process.env.DEVS_ADVERSARY_JOBS ?? 1) },
      (_, i) => new Sandbox(path.join(root, `sandbox-${i}`)),
    ),
    {
      first,
      count,
      isOpen: process.env.DEVS_ADVERSARY_ALL === '1',
      onFinding: ({ finding, theCase, script }) => {
        const file = path.join(findings, `${first}-${String(++number).padStart(3, '0')}.sh`);
        fs.writeFileSync(file, script, 'latin1');
        process.stdout.write(
          `${file} seed ${theCase.seed}: ${finding.signature} [${theCase.state}] ${theCase.task.join(' ;; ')}\n`,
        );
      },
      onCase: (theCase, done) => {
        if (process.env.DEVS_ADVERSARY_VERBOSE === '1')
          process.stdout.write(`${theCase.seed} ${theCase.state}: ${theCase.task.join(' ;; ')}\n`);
        if (done % 500 === 0)
          process.stdout.write(`${done} cases, ${((Date.now() - began) / 1000 / done).toFixed(2)} s each\n`);
      },
    },
  );
  for (const [signature, times] of [...seen].sort((a, b) => b[1] - a[1]))
    process.stdout.write(`${times} times: ${signature}\n`);
  process.stdout.write(`${count} cases from seed ${first}: ${seen.size} kinds of findings\n`);
}
