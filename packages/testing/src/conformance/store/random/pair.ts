import type { Arrival, RunRecord, StateStore } from '@dudousxd/nestjs-durable-core';
import { expect } from 'vitest';
import { NAMESPACE, START } from '../build.js';
import { dumpStore, listAllRuns } from '../dump.js';
import type { StoreFixture } from '../fixture.js';
import { normalize } from '../normalize.js';

export const TOKENS = ['t0', 't1', 't2'];
export const SERVES = ['order@1', 'refund@1'];

/** The store under test and the model, side by side: every operation goes to both, and their answers must be equal. */
export class StorePair {
  readonly #subject: StoreFixture;
  readonly #model: StoreFixture;
  #now = START;

  constructor(subject: StoreFixture, model: StoreFixture) {
    this.#subject = subject;
    this.#model = model;
  }

  get now(): number {
    return this.#now;
  }

  /** The store under test. */
  get subject(): StateStore {
    return this.#subject.store;
  }

  /** What the model knows: to choose the next operation by. */
  get model(): StateStore {
    return this.#model.store;
  }

  async setNow(now: number): Promise<void> {
    this.#now = now;
    await this.#subject.setNow?.(now);
    await this.#model.setNow?.(now);
  }

  /** Does the operation on both and returns the model's answer. */
  async both<T>(operate: (store: StateStore) => Promise<T>): Promise<T> {
    const expected = await operate(this.model);
    const actual = await operate(this.subject);
    expect(normalize(actual)).toEqual(normalize(expected));
    return expected;
  }

  /** The run's arrivals in one store: inbox messages have other ids in the other. */
  async arrivals(store: StateStore, run: RunRecord): Promise<readonly Arrival[]> {
    return (await store.receive([run.id])).get(run.id) ?? [];
  }

  async runs(): Promise<RunRecord[]> {
    return listAllRuns(this.model);
  }

  /** All that the port shows must be the same in both. */
  async compareStates(): Promise<void> {
    const scope = { tokens: TOKENS, serves: SERVES };
    const [actual, expected] = [
      await dumpStore(this.subject, scope),
      await dumpStore(this.model, scope),
    ];
    expect(normalize(actual)).toEqual(normalize(expected));
    const counts = async (store: StateStore) => store.countRuns({ namespace: NAMESPACE });
    expect(await counts(this.subject)).toEqual(await counts(this.model));
  }
}
