/** What has to hold of a run that was killed, wherever that was. The I-numbers are those of the design's invariants. */
import type { HistoryEvent } from '@dudousxd/nestjs-durable-core';
import { expect } from 'vitest';
import { historyChanges, leftOvers, runChanges } from './audit.js';
import { type BodyCall, type LedgerEntry, only } from './ledger.js';
import { bodies, histories } from './places.js';
import type { KillCase, Outcome } from './rig.js';
import { type Output, type ScenarioName, SIGNAL } from './scenarios.js';

/** @param repeats bodies whose outcome a kill has lost, as `step/attempt` */
export function expectRecovered(
  { scenario, kills }: KillCase,
  outcome: Outcome,
  repeats: readonly string[],
): void {
  expectKilled(outcome, kills);
  expectSound(scenario, outcome, repeats);
}

/** Whatever happened to its processes, the run is what it would have been without. */
export function expectSound(
  scenario: ScenarioName,
  outcome: Omit<Outcome, 'endings'>,
  repeats: readonly string[],
): void {
  const { history, output } = requireResult(outcome.ledger);
  expectHistory(outcome, history, histories[scenario]);
  expectBodies(outcome.ledger, [...bodies[scenario], ...repeats]);
  expectJustifiedRepeats(outcome.ledger);
  expectRecordedResults(outcome.ledger, history, output);
  expectOneEnd(outcome);
  if (scenario === 'order') expectSleepAndSignal(outcome, history, output);
}

/** The processes died where they should, by SIGKILL, and the last one lived. */
function expectKilled({ endings, ledger }: Outcome, kills: readonly string[]): void {
  expect(endings).toEqual([
    ...kills.map(() => ({ code: null, signal: 'SIGKILL', errors: '' })),
    { code: 0, signal: null, errors: '' },
  ]);
  expect(only(ledger, 'stopped').map(({ at }) => at)).toEqual(kills);
  expect(new Set(ledger.map(({ pid }) => pid)).size).toBe(kills.length + 1);
}

interface Result {
  readonly history: readonly HistoryEvent[];
  readonly output: Output;
}

function requireResult(ledger: readonly LedgerEntry[]): Result {
  const [entry, ...others] = only(ledger, 'result');
  for (const other of others) expect(other).toMatchObject({ result: entry?.result });
  if (entry?.result.status !== 'completed') throw new Error('the run has not completed');
  return { history: entry.history, output: entry.result.output as Output };
}

/** I1, I5: dense, one outcome per position, written once, and what a process saw stays as it was. */
function expectHistory(
  { ledger, database }: Omit<Outcome, 'endings'>,
  history: readonly HistoryEvent[],
  expected: readonly string[],
): void {
  expect(history.map(({ name, attempt, type }) => `${name}/${attempt} ${type}`)).toEqual(expected);
  expect(history.map(({ seq }) => seq)).toEqual(expected.map((_, index) => index + 1));
  const settled = history
    .filter(({ type }) => type === 'completed')
    .map(({ position }) => position);
  expect(new Set(settled).size).toBe(settled.length);
  expect(historyChanges(database)).toEqual(history.map(({ seq }) => ({ change: 'insert', seq })));
  for (const { history: seen } of only(ledger, 'boot')) {
    expect(seen).toEqual(history.slice(0, seen.length));
  }
}

/** Exactly these bodies ran, each repetition under the idempotency key of the first. */
function expectBodies(ledger: readonly LedgerEntry[], expected: readonly string[]): void {
  const begun = only(ledger, 'begin');
  expect(begun.map(nameOf).sort()).toEqual([...expected].sort());
  const keys = Map.groupBy(begun, ({ step }) => step);
  for (const calls of keys.values()) {
    expect(new Set(calls.map(({ idempotencyKey }) => idempotencyKey)).size).toBe(1);
  }
  expect(new Set(begun.map(({ idempotencyKey }) => idempotencyKey)).size).toBe(keys.size);
}

/**
 * I9: a body runs again only when the kill fell between its start and the acknowledgement of its commit, and never when
 * its outcome was in the database.
 */
function expectJustifiedRepeats(ledger: readonly LedgerEntry[]): void {
  const closed = new Set<string>();
  const begunIn = new Map<string, number>();
  for (const entry of ledger) {
    if (entry.what === 'acked') closed.add(nameOf(entry));
    if (entry.what === 'boot') for (const name of recorded(entry.history)) closed.add(name);
    if (entry.what !== 'begin') continue;
    expect(closed, 'recorded before this body began').not.toContain(nameOf(entry));
    expect(begunIn.get(nameOf(entry)), 'begun in this process before').not.toBe(entry.life);
    begunIn.set(nameOf(entry), entry.life);
  }
}

function recorded(history: readonly HistoryEvent[]): readonly string[] {
  return history
    .filter(({ type }) => type !== 'scheduled')
    .map(({ name, attempt }) => `${name}/${attempt}`);
}

/** What is recorded, and what the code has seen, is what the last body of the step returned. */
function expectRecordedResults(
  ledger: readonly LedgerEntry[],
  history: readonly HistoryEvent[],
  { results }: Output,
): void {
  const ended = only(ledger, 'end');
  for (const { step, attempt, token } of results) {
    const last = ended.findLast((call) => call.step === step);
    expect({ attempt, token }).toEqual({ attempt: last?.attempt, token: last?.token });
    const event = history.find(({ name, type }) => name === step && type === 'completed');
    expect(event?.payload).toContain(token);
  }
}

/** I10, I4, I12: it ends once, the epoch only grows, and nothing is left but the run and its history. */
function expectOneEnd({ database }: Pick<Outcome, 'database'>): void {
  const changes = runChanges(database);
  const isEnd = ({ to_status }: { readonly to_status: string }) => to_status === 'completed';
  expect(changes.filter(isEnd)).toHaveLength(1);
  expect(changes.findIndex(isEnd)).toBe(changes.length - 1);
  for (const { from_epoch, to_epoch } of changes) {
    expect(to_epoch).toBeGreaterThanOrEqual(from_epoch);
  }
  expect(leftOvers(database)).toEqual({});
}

/** I6, I8: the signal is accepted once and consumed once, and no timer fires early. */
function expectSleepAndSignal(
  { ledger, database }: Omit<Outcome, 'endings'>,
  history: readonly HistoryEvent[],
  { approval }: Output,
): void {
  expect(approval).toEqual(SIGNAL.payload);
  const accepted = only(ledger, 'signalled').filter((entry) => entry.accepted);
  expect(accepted.length).toBeLessThanOrEqual(1);
  const text = 'select token, id, consumed from durable_signals';
  const { token, id } = SIGNAL;
  expect(database.prepare(text).all()).toEqual([{ token, id, consumed: 1 }]);
  const [asleep, awake] = history.filter(({ kind }) => kind === 'sleep');
  expect(awake?.at).toBeGreaterThanOrEqual(asleep?.detail?.deadline ?? Number.POSITIVE_INFINITY);
}

function nameOf({ step, attempt }: Pick<BodyCall, 'step' | 'attempt'>): string {
  return `${step}/${attempt}`;
}
