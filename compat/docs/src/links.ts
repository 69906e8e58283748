/** Links between pages: the file is there, the heading is there, and no page is left out. */
import { existsSync } from 'node:fs';
import { join, posix } from 'node:path';
import { type Page, ROOT } from './page.js';

/** What is wrong with the links of the pages, as `path:line: what`. */
export function brokenLinks(pages: readonly Page[]): readonly string[] {
  const byPath = new Map(pages.map((page) => [page.path, page]));
  return pages.flatMap((page) =>
    page.links.flatMap(({ target, line }) => {
      const problem = problemOf(page, target, byPath);
      return problem === null ? [] : [`${page.path}:${line}: ${target} ${problem}`];
    }),
  );
}

/** Pages that no other page links to. */
export function orphans(pages: readonly Page[]): readonly string[] {
  const linked = new Set(
    pages.flatMap((page) =>
      page.links
        .map(({ target }) => resolve(page.path, target).file)
        .filter((to) => to !== page.path),
    ),
  );
  return pages.map(({ path }) => path).filter((path) => path !== 'README.md' && !linked.has(path));
}

function problemOf(page: Page, target: string, byPath: ReadonlyMap<string, Page>): string | null {
  const { file, anchor } = resolve(page.path, target);
  if (file.startsWith('..')) return 'leaves the repository';
  const to = byPath.get(file);
  if (to === undefined && !existsSync(join(ROOT, file))) return 'does not exist';
  if (anchor === '') return null;
  if (to === undefined) return 'has an anchor, and is no page';
  return to.anchors.has(anchor) ? null : `names no heading of ${file}`;
}

function resolve(from: string, target: string): { readonly file: string; readonly anchor: string } {
  const [path = '', anchor = ''] = target.split('#');
  const file = path === '' ? from : posix.normalize(posix.join(posix.dirname(from), path));
  return { file: file.replace(/\/$/, ''), anchor };
}
