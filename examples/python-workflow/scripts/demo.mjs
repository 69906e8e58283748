// `pnpm demo`: a Redis of its own and a Python with what the worker needs, as the tests have them; then dist/demo.js.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { makePythonEnvironment } from '../../../scripts/services/python-environment.mjs';
import { SERVICES } from '../../../scripts/services/services.mjs';
import { startService } from '../../../scripts/services/start-service.mjs';

const root = join(import.meta.dirname, '../../..');

const python = await makePythonEnvironment();
const redis = await startService(SERVICES.redis);
try {
  const env = {
    ...process.env,
    REDIS_URL: redis.url,
    PYTHON: python,
    // In place of `pip install durable-worker`.
    PYTHONPATH: join(root, 'packages/worker-python/src'),
    PYTHONDONTWRITEBYTECODE: '1',
  };
  const demo = join(import.meta.dirname, '../dist/demo.js');
  const [code] = await once(spawn(process.execPath, [demo], { env, stdio: 'inherit' }), 'exit');
  process.exitCode = code ?? 1;
} finally {
  await redis.stop();
}
