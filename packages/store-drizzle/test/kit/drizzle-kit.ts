import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const PACKAGE = join(import.meta.dirname, '../..');
const HOOKS = new URL('../../../testing/scripts/source-hooks.mjs', import.meta.url).href;
const BIN = join(createRequire(import.meta.url).resolve('drizzle-kit'), '../bin.cjs');

export interface KitOptions {
  readonly dialect: 'postgresql' | 'mysql' | 'sqlite';
  readonly url: string;
}

/** The drizzle-kit of an application: a folder with its schema and configuration. */
export class DrizzleKit {
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  static async create({ dialect, url }: KitOptions): Promise<DrizzleKit> {
    const parent = join(PACKAGE, '.tmp');
    await mkdir(parent, { recursive: true });
    const folder = await mkdtemp(join(parent, 'kit-'));
    const config = { dialect, dbCredentials: { url }, schema: './schema.ts', out: './drizzle' };
    const filtered = { ...config, tablesFilter: ['!durable_*'] };
    await writeFile(join(folder, 'drizzle.config.json'), JSON.stringify(config));
    await writeFile(join(folder, 'filtered.config.json'), JSON.stringify(filtered));
    return new DrizzleKit(folder);
  }

  /** Sets the schema file of the application. */
  async setSchema(text: string): Promise<void> {
    await writeFile(join(this.#folder, 'schema.ts'), text);
  }

  /** What `drizzle-kit <args>` says. Rejects where it fails. */
  async run(...args: readonly string[]): Promise<string> {
    const { stdout, stderr } = await run(process.execPath, ['--import', HOOKS, BIN, ...args], {
      cwd: this.#folder,
      timeout: 60_000,
    });
    return stdout + stderr;
  }

  dispose(): Promise<void> {
    return rm(this.#folder, { recursive: true });
  }
}
