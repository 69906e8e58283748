import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { tsc } from '../src/compiler.js';
import { brokenLinks, orphans } from '../src/links.js';
import { parsePage, ROOT, readPages } from '../src/page.js';
import { type Finding, findingsOf, writeProjects } from '../src/project.js';

const pages = readPages();

describe('the blocks of a page', () => {
  let findings: readonly Finding[] = [];

  beforeAll(async () => {
    const config = writeProjects(pages);
    findings = findingsOf(await tsc('-p', config, '--noEmit'), pages);
  });

  it.each(pages.map(({ path }) => path))('compile: %s', (path) => {
    expect(findings.filter(({ page }) => page === path).map(({ text }) => text)).toEqual([]);
  });

  it('are all that the compiler speaks of', () => {
    expect(findings.filter(({ page }) => page === '')).toEqual([]);
  });

  it('are many: the pages were found', () => {
    const blocks = pages.flatMap(({ fences }) =>
      fences.filter(({ language }) => language === 'ts'),
    );
    expect(blocks.length).toBeGreaterThan(20);
  });
});

describe('links between pages', () => {
  it('lead somewhere', () => {
    expect(brokenLinks(pages)).toEqual([]);
  });

  it('reach every page', () => {
    expect(orphans(pages)).toEqual([]);
  });
});

describe('these tests', () => {
  const selfTest = join(ROOT, 'compat/docs/dist/self-test');

  async function compile(text: string): Promise<readonly string[]> {
    const page = parsePage('docs/self-test.md', text);
    const config = writeProjects([page], selfTest);
    const output = await tsc('-p', config, '--noEmit');
    return findingsOf(output, [page], selfTest).map((finding) => finding.text);
  }

  it('find a block that does not compile, at its line', async () => {
    const found = await compile(
      [
        '# Page',
        '```ts file=a.ts',
        "export const name: string = 'a';",
        '```',
        'Text.',
        '```ts',
        "import { name } from './a.js';",
        'export const length: number = name;',
        '```',
        '```ts wrap=workflow',
        "import { z } from 'zod';",
        "await ctx.step('a', () => z.string());",
        "await ctx.stepp('b', () => 1);",
        '```',
      ].join('\n'),
    );
    expect(found.toSorted()).toEqual([
      expect.stringMatching(/^docs\/self-test\.md:13: error TS2551:/),
      expect.stringMatching(/^docs\/self-test\.md:8: error TS2322:/),
    ]);
  });

  it('refuse a block that is never closed, an unknown word, and two files of one name', async () => {
    expect(() => parsePage('p.md', '```ts\nlet a;')).toThrow('p.md:1');
    await expect(compile('```ts fiel=a.ts\n```')).rejects.toThrow('unknown word fiel');
    await expect(compile('```ts wrap=work\n```')).rejects.toThrow('unknown wrap=work');
    await expect(compile('```ts file=a.ts\n```\n```ts file=a.ts\n```')).rejects.toThrow('a.ts');
  });

  it('find links that lead nowhere, and pages that nobody links to', () => {
    const one = parsePage(
      'docs/one.md',
      [
        '# One `two` & three',
        '[a](#one-two--three) [b](#four) [c](../README.md) [d](missing.md) [e](other.md#there-1)',
        '[f](other.md#not-there) `[g](nowhere.md)` [h](https://example.com/nowhere) [i](../../x.md)',
      ].join('\n'),
    );
    const other = parsePage('docs/other.md', '## There\n## There');
    const readme = parsePage('README.md', '[one](docs/one.md)');
    const found = brokenLinks([one, other, readme]);
    expect(found).toEqual([
      'docs/one.md:2: #four names no heading of docs/one.md',
      'docs/one.md:2: missing.md does not exist',
      'docs/one.md:3: other.md#not-there names no heading of docs/other.md',
      'docs/one.md:3: ../../x.md leaves the repository',
    ]);
    expect([...other.anchors]).toEqual(['there', 'there-1']);
    expect(orphans([one, other, readme])).toEqual([]);
    expect(orphans([other, readme])).toEqual(['docs/other.md']);
  });
});
