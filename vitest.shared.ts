import { fileURLToPath } from 'node:url';

/** How every package is tested. */
export const shared = {
  globalSetup: [fileURLToPath(new URL('packages/test-kit/src/global-setup.ts', import.meta.url))],
  include: ['test/**/*.test.ts'],
  reporters: ['default', ['json', { outputFile: 'test-report.json' }]] as ['default', ['json', { outputFile: string }]],
  testTimeout: 60_000,
  hookTimeout: 60_000,
  // A busy machine takes its time to end a worker, too.
  teardownTimeout: 60_000,
};
