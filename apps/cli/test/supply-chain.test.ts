import { spawn } from 'node:child_process';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import net, { type AddressInfo } from 'node:net';
import path from 'node:path';
import process from 'node:process';
import { expect, test } from 'vitest';

const ROOT = path.join(import.meta.dirname, '../../..');
const settings = fs.readFileSync(path.join(ROOT, 'pnpm-workspace.yaml'), 'utf8');

test('the package manager is pinned with the hash of its archive', () => {
  const { packageManager } = JSON.parse(fs.readFileSync(path.join(ROOT, 'package.json'), 'utf8'));
  expect(packageManager).toMatch(/^pnpm@\d+\.\d+\.\d+\+sha512\.[0-9a-f]{128}$/);
  const version = /^pnpm@([\d.]+)/.exec(packageManager)![1];
  for (const file of ['README.md', '.ci/run'])
    expect(fs.readFileSync(path.join(ROOT, file), 'utf8')).toContain(`npx -y pnpm@${version} `);
});

test('releases are a day old, and no install script runs but the one that was decided on', () => {
  expect(settings).toMatch(/^minimumReleaseAge: (1[4-9]\d\d|[2-9]\d{3}|\d{5,})$/m);
  expect(settings).toMatch(/^strictDepBuilds: true$/m);
  expect(settings).toMatch(/^trustPolicy: no-downgrade$/m);
  expect(settings).toMatch(/^blockExoticSubdeps: true$/m);
  expect(settings.match(/^ {2}\S+: true$/gm)).toEqual(['  better-sqlite3: true']);
});

test('the install script of better-sqlite3 asks the network for nothing', async () => {
  const buildFromSource = /^buildFromSource: (\S+)$/m.exec(settings)?.[1];
  const directory = path.dirname(createRequire(import.meta.url).resolve('better-sqlite3/package.json'));
  const script = createRequire(path.join(fs.realpathSync(directory), 'package.json')).resolve(
    'prebuild-install/bin.js',
  );
  let asked = 0;
  const proxy = net.createServer((socket) => {
    asked++;
    socket.destroy();
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  const address = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
  const install = (env: NodeJS.ProcessEnv) =>
    new Promise<number | null>((resolve) => {
      // A platform without a binary of its own, so that none in a cache is found.
      const args = [script, '--platform', 'nowhere', '--verbose'];
      const proxies = { npm_config_proxy: address, npm_config_https_proxy: address };
      spawn(process.execPath, args, { cwd: directory, env: { PATH: process.env.PATH, ...proxies, ...env } }).once(
        'exit',
        resolve,
      );
    });
  // The proxy sees a download where there is one.
  expect(await install({})).toBe(1);
  expect(asked).toBeGreaterThan(0);
  asked = 0;
  // Exit code 1: the script goes on to node-gyp.
  expect(await install({ npm_config_build_from_source: buildFromSource })).toBe(1);
  expect(asked).toBe(0);
  proxy.close();
});
