import { describe, expect, it } from 'vitest';
import { checkFile } from './import-rules.mjs';

const manifests = {
  core: { name: '@dudousxd/nestjs-durable-core', dependencies: { '@standard-schema/spec': '1' } },
  nestjs: {
    name: '@dudousxd/nestjs-durable',
    dependencies: { '@dudousxd/nestjs-durable-core': '1' },
  },
  'store-sql': { name: '@dudousxd/nestjs-durable-store-sql', dependencies: {} },
};

const rules = (path, text) =>
  checkFile({ path, text, manifests }).map(({ line, rule }) => `${line} ${rule}`);

const PURE = 'packages/core/src/model/run.ts';
const SHELL = 'packages/core/src/claim/claim-loop.ts';

describe('imports between packages', () => {
  it.each([
    ['packages/nestjs/src/a.ts', "import { a } from '@dudousxd/nestjs-durable-core';", []],
    [
      'packages/nestjs/src/a.ts',
      "\nimport { a } from '@dudousxd/nestjs-durable-store-sql';",
      ['2 package-layers'],
    ],
    [SHELL, "export * from '@dudousxd/nestjs-durable';", ['1 package-layers']],
    [SHELL, "const m = await import('@dudousxd/nestjs-durable');", ['1 package-layers']],
    [SHELL, "type T = import('@dudousxd/nestjs-durable').T;", ['1 package-layers']],
    [
      'packages/store-sql/src/a.ts',
      "import type { A } from '../../core/src/model/run.js';",
      ['1 no-cross-package-path'],
    ],
    [
      'examples/checkout/src/a.ts',
      "import { a } from '../../../packages/core/src/index.js';",
      ['1 no-cross-package-path'],
    ],
    [SHELL, "import { z } from 'zod';", ['1 declared-dependency']],
    ['packages/core/src/claim/claim-loop.test.ts', "import { z } from 'zod';", []],
  ])('%s: %s', (path, text, expected) => {
    expect(rules(path, text)).toEqual(expected);
  });
});

describe('the pure folders of core', () => {
  it.each([
    ["import { a } from '../claim/claim-loop.js';", ['1 pure-core']],
    ["import { Engine } from '../engine.js';", ['1 pure-core']],
    ["import { a } from '../codec/codec.js';", []],
    ["import { readFile } from 'node:fs';", ['1 pure-core']],
    ["import { createHash } from 'node:crypto';", []],
    ["import { randomUUID } from 'node:crypto';", ['1 injected-time']],
    ['const at = new Date();', ['1 pure-core']],
    ['const at = new Date(0);', []],
    ['const at = Date.now();', ['1 pure-core']],
    ['const n = globalThis.Math.random();', ['1 pure-core']],
    ['globalThis.setTimeout(f, 1);', ['1 pure-core']],
    ['const { setTimeout } = clock; setTimeout(f, 1);', []],
    ['clock.setTimeout(f, 1);', []],
    ['const timers = { setTimeout: f };', []],
    ['const timers = { setTimeout };', ['1 pure-core']],
    ['const { now } = Date;', ['1 pure-core']],
    ['type Timer = typeof setTimeout;', []],
    ['process.nextTick(f);', ['1 pure-core']],
    ['const t = performance.now();', ['1 pure-core']],
  ])('%s', (text, expected) => {
    expect(rules(PURE, text)).toEqual(expected);
  });

  it('lets only drain.ts touch the event loop', () => {
    const text = 'process.nextTick(f); queueMicrotask(f); setImmediate(f);';
    expect(rules('packages/core/src/replay/drain.ts', text)).toEqual([]);
    expect(rules('packages/core/src/replay/other.ts', text)).toHaveLength(2);
  });
});

describe('the rest of core', () => {
  it('takes time and randomness from injected ports', () => {
    expect(rules(SHELL, 'setInterval(f, 1);')).toEqual(['1 injected-time']);
    expect(rules(SHELL, 'Math.random();')).toEqual(['1 injected-time']);
    expect(rules(SHELL, "import 'node:timers/promises';")).toEqual(['1 injected-time']);
    expect(rules(SHELL, 'process.once(f);')).toEqual([]);
    expect(rules('packages/core/src/runtime/system.ts', 'setTimeout(f, Date.now());')).toEqual([]);
    expect(rules('packages/core/src/claim/claim-loop.test.ts', 'Date.now();')).toEqual([]);
  });
});
