// A process that starts a service and waits to be ended: `start-in-child.mjs <name>`. It writes the URL; on a line of
// input it stops the service.
import { createInterface } from 'node:readline';
import { SERVICES } from './services.mjs';
import { startService } from './start-service.mjs';

const { url, stop } = await startService(SERVICES[process.argv[2]]);
console.log(url);
createInterface({ input: process.stdin }).once('line', async () => {
  await stop();
  process.exit();
});
