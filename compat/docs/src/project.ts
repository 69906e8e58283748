/**
 * A page as a small project of its own, beside the packages that an application would have installed.
 *
 * Every `ts` block becomes one file, in which each line has the number that it has in the page, so that what the
 * compiler reports can be found there. The words behind `ts` say what the block is:
 *
 * - `file=src/app.module.ts`: under this name, so that other blocks of the page can import it. Other languages with a
 *   `file` are written as they are.
 * - `wrap=workflow`: the inside of a workflow; `ctx` is there.
 * - `wrap=service`: the inside of an async function; `workflows` is there, a `WorkflowService`.
 * - `wrap=class`: members of a provider class, which is exported as `Snippet`.
 */
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type Fence, fromRoot, type Page } from './page.js';
import { generatePrismaClient } from './prisma.js';

/** Where the projects are written: inside this package, so that they find its dependencies. */
const PROJECTS = join(import.meta.dirname, '../dist/pages');

/** A file of a project. */
interface ProjectFile {
  /** From the project's folder. */
  readonly name: string;
  readonly text: string;
}

/** Folder of a page's project. */
function projectOf(page: Page, parent = PROJECTS): string {
  return join(parent, page.path.replace(/\.md$/, '').replaceAll('/', '.'));
}

/** Writes a page's project anew. @throws Error for blocks that cannot be files */
export function writeProject(page: Page, parent = PROJECTS): string {
  const dir = projectOf(page, parent);
  rmSync(dir, { recursive: true, force: true });
  for (const { name, text } of filesOf(page)) {
    mkdirSync(dirname(join(dir, name)), { recursive: true });
    writeFileSync(join(dir, name), text);
  }
  if (existsSync(join(dir, 'prisma.config.ts'))) generatePrismaClient(dir);
  return dir;
}

/** The files of a page's project, its `package.json` and a `tsconfig.json` where it has none included. */
function filesOf(page: Page): readonly ProjectFile[] {
  const files = page.fences.flatMap((fence) => fileOf(page, fence) ?? []);
  const names = files.map(({ name }) => name);
  const twice = names.find((name, index) => names.indexOf(name) < index);
  if (twice !== undefined) throw new Error(`${page.path}: two blocks are called ${twice}`);
  const type = page.flags.has('commonjs') ? 'commonjs' : 'module';
  const own = [
    { name: 'package.json', text: JSON.stringify({ name: 'page', private: true, type }) },
    { name: 'tsconfig.json', text: JSON.stringify(PLAIN_CONFIG, null, 2) },
  ];
  return [...files, ...own.filter(({ name }) => !names.includes(name))];
}

/** What the documentation asks of an application: strict, nodenext, ES2022, Nest's decorators. */
const PLAIN_CONFIG = {
  compilerOptions: {
    target: 'ES2022',
    module: 'nodenext',
    strict: true,
    skipLibCheck: true,
    experimentalDecorators: true,
    emitDecoratorMetadata: true,
    types: ['node'],
    outDir: 'dist',
    rootDir: '.',
  },
  include: ['**/*.ts'],
  exclude: ['dist'],
} as const;

function fileOf(page: Page, fence: Fence): ProjectFile | null {
  const { language, attributes, line, lines } = fence;
  const name = attributes.get('file');
  if (language !== 'ts') return name === undefined ? null : { name, text: lines.join('\n') };
  const wrap = attributes.get('wrap');
  for (const key of attributes.keys()) {
    if (key !== 'file' && key !== 'wrap')
      throw new Error(`${page.path}:${line}: unknown word ${key}`);
  }
  const text = wrap === undefined ? lines : wrapped(page, fence, wrap);
  return { name: name ?? `block-${line}.ts`, text: `${'\n'.repeat(line)}${text.join('\n')}\n` };
}

interface Wrapper {
  readonly before: string;
  readonly after: string;
}

const WRAPPERS: Readonly<Record<string, Wrapper>> = {
  workflow: {
    before:
      "import type { WorkflowCtx as $Ctx } from '@dudousxd/nestjs-durable-core'; export async function body(ctx: $Ctx) {",
    after: '}',
  },
  service: {
    before:
      "import type { WorkflowService as $Service } from '@dudousxd/nestjs-durable'; export async function body(workflows: $Service) {",
    after: '}',
  },
  class: {
    before:
      "import { WorkflowService } from '@dudousxd/nestjs-durable'; import { Injectable } from '@nestjs/common'; @Injectable() export class Snippet {",
    after: '}',
  },
};

/** Puts the wrapper behind the block's own imports, without adding a line. */
function wrapped(page: Page, { line, lines }: Fence, wrap: string): readonly string[] {
  const wrapper = WRAPPERS[wrap];
  if (wrapper === undefined) throw new Error(`${page.path}:${line}: unknown wrap=${wrap}`);
  const imports = lines.findLastIndex((text) => /^import |^} from '/.test(text)) + 1;
  const body = lines.slice(imports);
  const [first = '', ...rest] = body;
  return [...lines.slice(0, imports), `${wrapper.before} ${first}`, ...rest, wrapper.after];
}

/** A compiler's message about a page. */
export interface Finding {
  readonly page: string;
  readonly text: string;
}

/** Finds the page and line behind each message of `tsc --pretty false`; other output stands for itself. */
export function findingsOf(
  output: string,
  pages: readonly Page[],
  parent = PROJECTS,
): readonly Finding[] {
  const folders = pages.map((page) => ({ page, prefix: `${fromRoot(projectOf(page, parent))}/` }));
  return output
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((text) => {
      const match = /^(.*)\((\d+),\d+\): (.*)$/.exec(text);
      const found = folders.find(({ prefix }) => match?.[1]?.startsWith(prefix));
      if (match === null || found === undefined) return { page: '', text };
      const { path } = found.page;
      return { page: path, text: `${path}:${match[2]}: ${match[3]}` };
    });
}

/** Writes the projects of all pages, and one configuration that compiles them together. @returns its path */
export function writeProjects(pages: readonly Page[], parent = PROJECTS): string {
  rmSync(parent, { recursive: true, force: true });
  mkdirSync(parent, { recursive: true });
  for (const page of pages) writeProject(page, parent);
  const config = join(parent, 'tsconfig.json');
  writeFileSync(config, JSON.stringify(PLAIN_CONFIG));
  return config;
}
