import { describe, expect, test } from 'vitest';
import { matchSignals, newlyMatchedRuns, type WaitInLine } from './signal-match.js';

function wait(runId: string, deadline: number | null = null, position = 1): WaitInLine {
  return { runId, position, deadline };
}

function payload(id: string, acceptedAt = 0) {
  return { id, acceptedAt };
}

function pairs(waits: readonly WaitInLine[], payloads: readonly ReturnType<typeof payload>[]) {
  return matchSignals(waits, payloads).map((match) => [match.payload.id, match.wait.runId]);
}

describe('matchSignals', () => {
  test('pairs the two lines in order', () => {
    const matched = pairs([wait('a'), wait('b'), wait('c')], [payload('1'), payload('2')]);
    expect(matched).toEqual([
      ['1', 'a'],
      ['2', 'b'],
    ]);
  });

  test('matches nothing with an empty line', () => {
    expect(pairs([], [payload('1')])).toEqual([]);
    expect(pairs([wait('a')], [])).toEqual([]);
  });

  test('passes over waits whose deadline was before the acceptance', () => {
    const waits = [wait('hasty', 5), wait('exact', 10), wait('patient')];
    const payloads = [payload('late', 10), payload('later', 11), payload('too late', 12)];
    expect(pairs(waits, payloads)).toEqual([
      ['late', 'exact'],
      ['later', 'patient'],
    ]);
  });

  test('passes over payloads that no wait accepts', () => {
    expect(pairs([wait('a', 5)], [payload('late', 9), payload('in time', 5)])).toEqual([
      ['in time', 'a'],
    ]);
  });

  test('leaves its arguments as they are', () => {
    const waits = [wait('a')];
    matchSignals(waits, [payload('1')]);
    expect(waits).toHaveLength(1);
  });
});

describe('newlyMatchedRuns', () => {
  const before = matchSignals([wait('a'), wait('b')], [payload('1'), payload('2')]);

  test('names nobody when nothing has changed', () => {
    expect(newlyMatchedRuns(before, before)).toEqual([]);
    expect(newlyMatchedRuns(before, [])).toEqual([]);
  });

  test('names runs whose payload is another one now', () => {
    const after = matchSignals([wait('b'), wait('c')], [payload('1'), payload('2')]);
    expect(newlyMatchedRuns(before, after)).toEqual(['b', 'c']);
  });

  test('takes another wait of the same run for a new one', () => {
    const after = matchSignals([wait('a', null, 2), wait('b')], [payload('1'), payload('2')]);
    expect(newlyMatchedRuns(before, after)).toEqual(['a']);
  });
});
