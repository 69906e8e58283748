import { join } from 'node:path';
import { defineConfig } from 'vitest/config';

/** Tests of the consumer apps: they use the built packages, as an installed copy would be used. */
export default defineConfig({
  oxc: { decorator: { legacy: true, emitDecoratorMetadata: true } },
  test: {
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    globalSetup: [
      join(import.meta.dirname, 'scripts/services/vitest-setup.mjs'),
      join(import.meta.dirname, 'packages/worker-python/test/global-setup.mjs'),
    ],
    provide: { testServices: ['postgres', 'redis'] },
    include: ['{compat,examples}/*/test/**/*.test.{ts,mts}'],
    reporters: [
      'default',
      ['json', { outputFile: join(import.meta.dirname, '.tmp/vitest-compat.json') }],
    ],
  },
});
