import { globSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { DEFAULT_LIMITS, type MessageType, messageSchemas, readMessage } from './index.js';

const fixtures = join(import.meta.dirname, '../fixtures');
const everyType = Object.keys(messageSchemas) as MessageType[];

function filesIn(folder: string): { path: string; text: string }[] {
  return globSync('**/*.{json,txt}', { cwd: join(fixtures, folder) })
    .sort()
    .map((path) => ({ path, text: readFileSync(join(fixtures, folder, path), 'utf8') }));
}

describe('fixtures', () => {
  it.each(filesIn('valid'))('are read: $path', ({ path, text }) => {
    const read = readMessage(text, everyType);
    expect(read).toMatchObject({ ok: true, message: { v: 1, type: path.split(/[-.]/)[0] } });
  });

  it.each(filesIn('invalid'))('are refused, for their reason: $path', ({ path, text }) => {
    const read = readMessage(text, everyType);
    expect(read).toMatchObject({ ok: false, refusal: { kind: dirname(path) } });
  });

  it('are there for every type of message, and every reason but size', () => {
    const valid = filesIn('valid').map(({ path }) => basename(path).split(/[-.]/)[0]);
    expect(new Set(valid)).toEqual(new Set(everyType));
    const reasons = new Set(filesIn('invalid').map(({ path }) => dirname(path)));
    expect(reasons.size).toBe(7);
  });
});

describe('readMessage', () => {
  const task = JSON.parse(readFileSync(join(fixtures, 'valid/task-minimal.json'), 'utf8'));

  it('keeps unknown fields out, and takes null for absent', () => {
    const unknown = JSON.stringify({ ...task, colour: 'green', timeoutMs: null });
    const plain = readMessage(JSON.stringify(task), ['task']);
    expect(readMessage(unknown, ['task'])).toEqual(plain);
  });

  it('refuses a message of a type that does not belong there', () => {
    const read = readMessage(JSON.stringify(task), ['result', 'heartbeat']);
    expect(read).toEqual({
      ok: false,
      refusal: { kind: 'unknownType', detail: "'task' is none of result, heartbeat" },
    });
  });

  it('names the field, and quotes little of what is wrong', () => {
    const read = readMessage(JSON.stringify({ ...task, attempt: 'first' }), ['task']);
    expect(read).toMatchObject({ refusal: { detail: expect.stringContaining("'attempt'") } });
    const long = readMessage(JSON.stringify({ ...task, type: 'x'.repeat(10_000) }), ['task']);
    expect(long.ok ? '' : long.refusal.detail.length).toBeLessThan(200);
  });

  it('does not parse what is too large', () => {
    const limits = { ...DEFAULT_LIMITS, maxBytes: 1_000 };
    const kind = (text: string) => {
      const read = readMessage(text, ['task'], limits);
      return read.ok ? 'taken' : read.refusal.kind;
    };
    expect(kind('x'.repeat(1_001))).toBe('tooLarge');
    expect(kind('x'.repeat(1_000))).toBe('notJson');
    expect(kind('€'.repeat(334))).toBe('tooLarge');
    expect(kind('€'.repeat(333))).toBe('notJson');
    expect(readMessage('x'.repeat(20_000_000), ['task'])).toMatchObject({
      refusal: { kind: 'tooLarge' },
    });
  });

  it('counts depth outside of strings alone, and up to the limit', () => {
    const nested = (depth: number) => `${'['.repeat(depth)}${']'.repeat(depth)}`;
    const kind = (text: string) => {
      const read = readMessage(text, ['task']);
      return read.ok ? 'taken' : read.refusal.kind;
    };
    expect(kind(nested(32))).toBe('notMessage');
    expect(kind(nested(33))).toBe('tooDeep');
    expect(kind(JSON.stringify({ ...task, input: `${'['.repeat(500)}"\\` }))).toBe('taken');
    expect(kind('['.repeat(5_000_000))).toBe('tooDeep');
  });

  it('harms nobody with names of prototypes', () => {
    const text = `{"__proto__":{"polluted":1},${JSON.stringify(task).slice(1)}`;
    expect(readMessage(text, ['task'])).toMatchObject({ ok: true });
    expect(Reflect.get({}, 'polluted')).toBeUndefined();
  });

  it('never throws, whatever is cut or changed', () => {
    const text = JSON.stringify(task);
    for (let at = 0; at < text.length; at += 1) {
      expect(readMessage(text.slice(0, at), everyType).ok).toBe(false);
      readMessage(`${text.slice(0, at)}\u0000${text.slice(at + 1)}`, everyType);
      readMessage(`${text.slice(0, at)}"${text.slice(at)}`, everyType);
    }
  });
});
