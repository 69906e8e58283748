/** A page of the documentation, taken apart: fenced blocks, headings, links. */
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';

/** Root of the repository. */
export const ROOT = join(import.meta.dirname, '../../..');

/** A fenced block. */
export interface Fence {
  /** First word of the info string: `ts`, `json`, `sh`; empty for none. */
  readonly language: string;
  /** The `key=value` words behind it. */
  readonly attributes: ReadonlyMap<string, string>;
  /** 1-based line of the opening fence. */
  readonly line: number;
  readonly lines: readonly string[];
}

/** A link to somewhere else than the web. */
interface Link {
  readonly target: string;
  readonly line: number;
}

export interface Page {
  /** From the root, with `/`. */
  readonly path: string;
  readonly fences: readonly Fence[];
  /** What `#anchor` can name, as GitHub makes it from headings. */
  readonly anchors: ReadonlySet<string>;
  readonly links: readonly Link[];
  /** What a `<!-- docs-test: … -->` comment of the page asks for. */
  readonly flags: ReadonlySet<string>;
}

/** README.md and every page under docs/, sorted. */
export function readPages(): readonly Page[] {
  const docs = readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.md'))
    .map((path) => `docs/${path.split(sep).join('/')}`)
    .sort();
  return ['README.md', ...docs].map(readPage);
}

/** @param path from the root */
export function readPage(path: string): Page {
  return parsePage(path, readFileSync(join(ROOT, path), 'utf8'));
}

const FENCE = /^( *)(`{3,}|~{3,})(.*)$/;

/** @throws Error for a fence that is never closed */
export function parsePage(path: string, text: string): Page {
  const fences: Fence[] = [];
  const prose: { readonly text: string; readonly line: number }[] = [];
  const lines = text.split('\n');
  for (let index = 0; index < lines.length; index += 1) {
    const line = lines[index] ?? '';
    const opening = FENCE.exec(line);
    if (opening === null) {
      prose.push({ text: line, line: index + 1 });
      continue;
    }
    const end = closingLine(lines, index, opening[2] ?? '');
    if (end < 0) throw new Error(`${path}:${index + 1}: this block is never closed`);
    fences.push(makeFence(opening[3] ?? '', index + 1, lines.slice(index + 1, end)));
    index = end;
  }
  const flags = new Set(
    [...text.matchAll(/<!-- docs-test: (.*?) -->/g)].flatMap(
      ([, words]) => words?.split(' ') ?? [],
    ),
  );
  return { path, fences, flags, anchors: anchorsOf(prose), links: prose.flatMap(linksOf) };
}

function closingLine(lines: readonly string[], from: number, marks: string): number {
  const closes = (line: string) => {
    const trimmed = line.trim();
    return trimmed.startsWith(marks) && trimmed.replaceAll(marks.charAt(0), '') === '';
  };
  return lines.findIndex((line, index) => index > from && closes(line));
}

function makeFence(info: string, line: number, lines: readonly string[]): Fence {
  const [language = '', ...words] = info.trim().split(/\s+/);
  const attributes = new Map(
    words.map((word): [string, string] => {
      const at = word.indexOf('=');
      return at < 0 ? [word, ''] : [word.slice(0, at), word.slice(at + 1)];
    }),
  );
  return { language, attributes, line, lines };
}

interface ProseLine {
  readonly text: string;
  readonly line: number;
}

function anchorsOf(prose: readonly ProseLine[]): ReadonlySet<string> {
  const anchors = new Set<string>();
  for (const { text } of prose) {
    const heading = /^#{1,6} +(.*?) *#*$/.exec(text)?.[1];
    if (heading === undefined) continue;
    const slug = slugOf(heading);
    let anchor = slug;
    for (let count = 1; anchors.has(anchor); count += 1) anchor = `${slug}-${count}`;
    anchors.add(anchor);
  }
  return anchors;
}

function slugOf(heading: string): string {
  const text = heading.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').toLowerCase();
  return text.replace(/[^\p{L}\p{N}\p{M}_ -]/gu, '').replaceAll(' ', '-');
}

const LINK = /\[(?:[^\]\\]|\\.)*\]\(([^)\s]+)(?: "[^"]*")?\)/g;

function linksOf({ text, line }: ProseLine): Link[] {
  const withoutCode = text.replace(/`[^`]*`/g, (code) => ' '.repeat(code.length));
  return [...withoutCode.matchAll(LINK)]
    .map(([, target = '']) => ({ target, line }))
    .filter(({ target }) => !/^[a-z][a-z0-9+.-]*:/i.test(target));
}

/** A path as the pages write it: from the root, with `/`. */
export function fromRoot(path: string): string {
  return relative(ROOT, path).split(sep).join('/');
}
