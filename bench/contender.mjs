// A process that takes a lock when it is told to, with the library named by its first argument.
import process from 'node:process';
import { StateLock } from '@devs/lock';
import lockfile from 'proper-lockfile';

const [library, dir] = process.argv.slice(2);
const acquire = {
  devs: async () => {
    const held = await StateLock.acquire(dir, 'race');
    return () => held.release();
  },
  'proper-lockfile': () => lockfile.lock(dir, { stale: 5_000, onCompromised: () => {} }),
}[library];
let release;

process.on('message', async (request) => {
  if (request === 'acquire') {
    try {
      release = await acquire();
      process.send('held');
    } catch (error) {
      // proper-lockfile also fails with ENOENT where another process was faster.
      process.send(['DEVS_LOCK_HELD', 'ELOCKED', 'ENOENT'].includes(error.code) ? 'refused' : `failed: ${error.stack}`);
    }
    return;
  }
  // Of two holders one finds its lock gone.
  await release().catch(() => {});
  process.send('released');
});
process.send('ready');
