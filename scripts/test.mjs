// `pnpm test`: type check, lint, search for what is unused, build and the tests of every package, then their sum.
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { ensureInstalled, root } from './workspace.mjs';

const packages = ['packages', 'apps']
  .flatMap((group) => fs.readdirSync(path.join(root, group)).map((name) => path.join(root, group, name)))
  .filter((dir) => JSON.parse(fs.readFileSync(path.join(dir, 'package.json'), 'utf8')).scripts.test !== undefined);
const reports = packages.map((dir) => path.join(dir, 'test-report.json'));

ensureInstalled();
for (const report of reports) fs.rmSync(report, { force: true });
const turbo = path.join(root, 'node_modules/.bin/turbo');
const args = [
  'run',
  'typecheck',
  'lint',
  'unused',
  'build',
  'test',
  '--continue',
  '--output-logs=new-only',
  ...process.argv.slice(2),
];
const { status } = spawnSync(turbo, args, {
  cwd: root,
  stdio: 'inherit',
  // What passed on one version of Node says nothing of another: turbo takes DEVS_TEST_* into the key of its cache.
  env: { ...process.env, DEVS_TEST_NODE: process.version, TURBO_TELEMETRY_DISABLED: '1' },
});

let [passed, failed] = [0, 0];
for (const report of reports) {
  // A package whose tests did not even start is a failure, not a gap.
  const sums = fs.existsSync(report)
    ? JSON.parse(fs.readFileSync(report, 'utf8'))
    : { numPassedTests: 0, numFailedTests: 1 };
  passed += sums.numPassedTests;
  failed += sums.numFailedTests + (sums.success === false && sums.numFailedTests === 0 ? 1 : 0);
}
if (status !== 0 && failed === 0) process.stderr.write('type check, lint or build failed: see above\n');
process.stdout.write(`${passed} passed, ${failed} failed\n`);
process.exit(status === 0 && failed === 0 ? 0 : 1);
