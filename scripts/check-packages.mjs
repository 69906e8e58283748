// Packs each package as it would be published and checks the tarball with publint and
// are-the-types-wrong.
import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { readPackages, rootDir } from './workspace.mjs';

const outDir = join(rootDir, '.tmp/packed');
rmSync(outDir, { recursive: true, force: true });
mkdirSync(outDir, { recursive: true });

let failed = false;
for (const { dir, root, manifest } of readPackages()) {
  // The Python package: its tests pack it.
  if (manifest.private === true) continue;
  const tarball = join(outDir, `${dir}.tgz`);
  const packed = spawnSync('pnpm', ['pack', '--out', tarball], { cwd: root, encoding: 'utf8' });
  if (packed.status !== 0) {
    console.error(`${manifest.name}: pnpm pack failed\n${packed.stdout}${packed.stderr}`);
    failed = true;
    continue;
  }
  const { messages } = await publint({ pkgDir: root, strict: true, pack: 'pnpm' });
  for (const message of messages) {
    console.error(`${manifest.name}: publint ${message.type}: ${formatMessage(message, manifest)}`);
  }
  const types = spawnSync('attw', ['--profile', 'esm-only', '--format', 'ascii', tarball], {
    cwd: rootDir,
    encoding: 'utf8',
  });
  if (types.status !== 0) console.error(`${manifest.name}: attw\n${types.stdout}${types.stderr}`);
  const passed = messages.length === 0 && types.status === 0;
  if (passed) console.log(`ok ${manifest.name}`);
  else failed = true;
}
process.exitCode = failed ? 1 : 0;
