// Records docs/demo.svg: a real session of the built command line, in a repository made for it. `pnpm demo`.
import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import process from 'node:process';

const SESSION = [
  'git status --short',
  "devs run --id codemod -- sh -c 'sed -i s/price/cost/ cart.js; rm notes.txt; npm test'",
  'devs diff codemod --stat',
  'devs restore codemod',
  'git status --short',
  'devs log',
];
const COLUMNS = 100;
const LINE = 18;
const CHARACTER = 8.43;
const COLOURS = { 31: '#f47067', 32: '#57ab5a', 33: '#c69026', 36: '#39c5cf', 1: '#ffffff' };

const root = path.resolve(import.meta.dirname, '..');
const bin = path.join(root, 'apps/cli/dist/bin/devs.cjs');
const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'devs-demo-'));
try {
  fs.writeFileSync(path.join(root, 'docs/demo.svg'), render(record()));
} finally {
  fs.rmSync(dir, { recursive: true, force: true });
}

/** The lines of the session, with the terminal's colour codes. */
function record() {
  const git = (...args) =>
    execFileSync('git', ['-c', 'user.name=you', '-c', 'user.email=you@example.com', ...args], { cwd: dir });
  const write = (name, text) => fs.writeFileSync(path.join(dir, name), text);
  git('init', '-q');
  write('cart.js', 'export const price = (items) => items.length * 3;\n');
  write('cart.test.js', "import { price } from './cart.js';\nif (price([1, 2]) !== 6) process.exit(1);\n");
  write('package.json', JSON.stringify({ type: 'module', scripts: { test: 'node cart.test.js' } }));
  git('add', '-A');
  git('commit', '-qm', 'a shop');
  write('cart.js', 'export const price = (items) => items.length * 3; // half done\n');
  git('add', 'cart.js');
  write('notes.txt', 'these exist nowhere else\n');
  const lines = [];
  for (const command of SESSION) {
    lines.push(`\x1b[32m$\x1b[39m \x1b[1m${command}\x1b[22m`);
    const script = `devs() { "${process.execPath}" "${bin}" "$@"; }; { ${command}; } 2>&1`;
    const env = { ...process.env, FORCE_COLOR: '1', npm_config_loglevel: 'silent', COLUMNS: String(COLUMNS) };
    const { stdout } = spawnSync('sh', ['-c', script], { cwd: dir, env, encoding: 'utf8' });
    lines.push(...stdout.trimEnd().split('\n').filter(isWorthShowing), '');
  }
  return lines.flatMap(wrap);
}

/** Without node's stack and npm's farewell, which show where this machine keeps things. */
function isWorthShowing(line) {
  return line !== '' && !/^(npm |file:| {4}at |Node\.js)/.test(line);
}

/** As a terminal breaks lines that are too long. */
function wrap(line) {
  const parts = [];
  let [part, width] = ['', 0];
  for (const [piece] of line.matchAll(/\x1b\[\d+m|./gu)) {
    if (!piece.startsWith('\x1b') && width === COLUMNS) {
      parts.push(part);
      [part, width] = ['', 0];
    }
    part += piece;
    if (!piece.startsWith('\x1b')) width++;
  }
  return [...parts, part];
}

function render(lines) {
  const [width, height] = [Math.ceil(COLUMNS * CHARACTER) + 40, lines.length * LINE + 30];
  const rows = lines.map((line, i) => `<text x="20" y="${30 + i * LINE}" xml:space="preserve">${colour(line)}</text>`);
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">
<title>A terminal: a codemod breaks the tests and deletes notes; devs restore brings everything back.</title>
<rect width="100%" height="100%" rx="8" fill="#22272e"/>
<g font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, monospace" font-size="14" fill="#adbac7">
${rows.join('\n')}
</g>
</svg>
`;
}

function colour(line) {
  let open = false;
  const text = line.replace(/[&<>]/g, (character) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;' })[character]);
  const spans = text.replace(/\x1b\[(\d+)m/g, (_, code) => {
    const end = open ? '</tspan>' : '';
    open = COLOURS[code] !== undefined;
    return end + (open ? `<tspan fill="${COLOURS[code]}">` : '');
  });
  return open ? `${spans}</tspan>` : spans;
}
