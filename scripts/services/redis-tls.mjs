// TLS for a Redis of our own: an authority made for it, and a certificate of that.
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from './ports.mjs';
import { run } from './run.mjs';

const KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];

/**
 * Has a Redis on this machine listen to TLS, on a port beside its own.
 *
 * @param {(...words: string[]) => Promise<unknown>} command sends a command to it
 * @returns {Promise<import('./redis-tls.mjs').TlsServer>}
 */
export async function listenToTls(command) {
  const folder = await mkdtemp(join(tmpdir(), 'durable-tls-'));
  // The server is another user when we are root.
  await chmod(folder, 0o755);
  const file = (name) => join(folder, name);
  await makeCertificates(file);
  const port = await freePort();
  const settings = {
    'tls-cert-file': file('server.crt'),
    'tls-key-file': file('server.key'),
    'tls-ca-cert-file': file('ca.crt'),
    'tls-auth-clients': 'no',
    'tls-port': String(port),
  };
  for (const [name, value] of Object.entries(settings)) await command('CONFIG', 'SET', name, value);
  return {
    port,
    caFile: file('ca.crt'),
    ca: await readFile(file('ca.crt'), 'utf8'),
    dispose: () => rm(folder, { recursive: true, force: true }),
  };
}

async function makeCertificates(file) {
  const request = ['openssl', 'req', '-x509', ...KEY];
  const authority = [
    '-keyout',
    file('ca.key'),
    '-out',
    file('ca.crt'),
    '-subj',
    '/CN=test authority',
  ];
  const usage = ['-addext', 'keyUsage=critical,keyCertSign'];
  await run([...request, ...authority, ...usage]);
  const signed = ['-CA', file('ca.crt'), '-CAkey', file('ca.key')];
  const server = ['-keyout', file('server.key'), '-out', file('server.crt'), '-subj', '/CN=test'];
  const name = [
    '-addext',
    'subjectAltName=IP:127.0.0.1',
    '-addext',
    'basicConstraints=critical,CA:false',
  ];
  await run([...request, ...signed, ...server, ...name]);
  await chmod(file('server.key'), 0o644);
}
