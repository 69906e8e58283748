/**
 * The client: starts runs, sends signals, cancels. It never dies, calls whatever process is up, and calls again with the
 * same id when an answer was lost, as a careful application does. What it was told is kept for the invariants.
 */
import {
  type DurableClient,
  DurableError,
  RunConflictError,
  RunNotFoundError,
  RunStateError,
  ShutdownError,
  UnknownWorkflowError,
  WaitTimeoutError,
} from '@dudousxd/nestjs-durable-core';
import type { Agenda } from './agenda.js';
import { isInjected } from './faults.js';
import { hashUnit } from './random.js';
import { ALWAYS, type SimProcess } from './sim-process.js';
import type { Violations } from './violations.js';
import { SIM_WORKFLOW } from './workload.js';

/** One thing that a client does at a given time. */
export type DriverAction = StartAction | SignalAction | RunAction;

interface StartAction {
  readonly do: 'start';
  readonly atMs: number;
  readonly runId: string;
  readonly program: string;
  /** How many clients do it at once. */
  readonly copies: number;
  /** Whether another client starts another program under the same id. */
  readonly conflict: boolean;
  /** Time that the run may take; absent = any. */
  readonly timeoutMs?: number;
  /** Time until the run may begin; absent = at once. */
  readonly startInMs?: number;
}

interface SignalAction {
  readonly do: 'signal';
  readonly atMs: number;
  readonly token: string;
  readonly id: string;
  readonly copies: number;
}

interface RunAction {
  readonly do: 'cancel' | 'terminate' | 'retry' | 'wait' | 'read';
  readonly atMs: number;
  readonly runId: string;
}

type Again = (delayMs: number) => void;

/** What the client has been told. */
export interface Acknowledged {
  /** Run id → how many starts were answered `created`. */
  readonly starts: Map<string, number>;
  /** Run id → database time before which it must not begin. */
  readonly startAts: Map<string, number>;
  /** `token\nid` of signals whose call has returned. */
  readonly signals: Set<string>;
  /** Run id → time at which the call returned. */
  readonly cancels: Map<string, number>;
  readonly terminations: Map<string, number>;
  /** Run id → status with which `waitForRun` resolved. */
  readonly waits: Map<string, string>;
}

export interface DriverOptions {
  readonly seed: number;
  readonly agenda: Agenda;
  readonly processes: readonly SimProcess[];
  readonly violations: Violations;
  readonly log: (who: string, text: string) => void;
}

const AGAIN_MS = 120;
const WAIT_MS = 1_500;

export class Driver {
  readonly told: Acknowledged = {
    starts: new Map(),
    startAts: new Map(),
    signals: new Set(),
    cancels: new Map(),
    terminations: new Map(),
    waits: new Map(),
  };
  /** Actions that have not been answered for good. */
  open = 0;
  private readonly options: DriverOptions;
  private calls = 0;

  constructor(options: DriverOptions) {
    this.options = options;
  }

  /** Plans an action; it is tried again until it has a definite answer. */
  plan(action: DriverAction): void {
    const copies = 'copies' in action ? action.copies : 1;
    for (let copy = 0; copy < copies; copy += 1) {
      this.open += 1;
      this.at(action.atMs + copy, `${action.do}`, () => this.perform(action, 0));
    }
    if (action.do === 'start' && action.conflict) {
      this.open += 1;
      this.at(action.atMs + 1, 'start conflict', () => this.conflict(action.runId));
    }
  }

  private at(delayMs: number, label: string, run: () => void): void {
    this.options.agenda.add({ owner: ALWAYS, actor: 'driver', label, delayMs, run });
  }

  private perform(action: DriverAction, tries: number): void {
    const again = (delayMs: number) =>
      this.at(delayMs, `${action.do} again`, () => this.perform(action, tries + 1));
    if (action.do === 'start') this.start(action, again);
    else if (action.do === 'signal') this.signal(action, again);
    else this.operate(action, action.do === 'wait' && tries >= 3 ? () => this.close() : again);
  }

  private start(action: StartAction, again: Again): void {
    const { runId, program, timeoutMs: timeout, startInMs } = action;
    const startAt = this.told.startAts.get(runId) ?? this.options.agenda.now + (startInMs ?? 0);
    this.told.startAts.set(runId, startAt);
    const options = {
      runId,
      ...(timeout === undefined ? {} : { timeout }),
      ...(startInMs === undefined ? {} : { startAt: new Date(startAt) }),
    };
    this.call(again, {
      name: `start ${runId}`,
      invoke: (client) => client.startRun(SIM_WORKFLOW, { program }, options),
      done: (result) => {
        const created = this.told.starts.get(runId) ?? 0;
        this.told.starts.set(runId, created + (result.created ? 1 : 0));
      },
    });
  }

  private signal({ token, id }: SignalAction, again: Again): void {
    this.call(again, {
      name: `signal ${token} ${id}`,
      invoke: (client) => client.signal(token, { signal: id }, { id }),
      done: () => this.told.signals.add(`${token}\n${id}`),
    });
  }

  private operate({ do: verb, runId }: RunAction, again: Again): void {
    const { told } = this;
    const { now } = this.options.agenda;
    this.call(again, {
      name: `${verb} ${runId}`,
      invoke: async (client) => {
        switch (verb) {
          case 'cancel':
            await client.cancel(runId, 'by the driver');
            return () => told.cancels.set(runId, now);
          case 'terminate':
            await client.terminate(runId, 'by the driver');
            return () => told.terminations.set(runId, now);
          case 'retry':
            await client.retry(runId);
            return () => told.waits.delete(runId);
          case 'wait': {
            const { status } = await client.waitForRun(runId, { timeout: WAIT_MS });
            return () => told.waits.set(runId, status);
          }
          case 'read':
            await Promise.all([client.getRun(runId), client.history(runId), client.listRuns()]);
            return () => undefined;
          default:
            return verb satisfies never;
        }
      },
      done: (note) => note(),
    });
  }

  /** Another input under a known id has to be refused. */
  private conflict(runId: string): void {
    const again = (delayMs: number) =>
      this.at(delayMs, 'conflict again', () => this.conflict(runId));
    if (!this.told.starts.has(runId)) {
      again(AGAIN_MS);
      return;
    }
    this.call(again, {
      name: `conflicting start ${runId}`,
      invoke: (client) =>
        client
          .startRun(SIM_WORKFLOW, { program: 'another' }, { runId })
          .then(() => false, refusedAsConflict),
      done: (refused) => {
        this.options.violations.check(
          refused,
          'I3',
          () => `a conflicting start of ${runId} was accepted`,
        );
      },
    });
  }

  private call<T>(again: Again, call: ClientCall<T>): void {
    this.calls += 1;
    const process = this.pick();
    if (process?.engine == null) {
      again(AGAIN_MS);
      return;
    }
    let open = true;
    const settle = (then: () => void) => {
      if (!open) return;
      open = false;
      forget();
      then();
    };
    const forget = process.onDeath(() => settle(() => again(AGAIN_MS)));
    this.options.log('driver', `${call.name} via ${process.name}`);
    begin(() => call.invoke(process.engine as DurableClient)).then(
      (value) => settle(() => this.answered(call, value)),
      (error: unknown) => settle(() => this.refused(again, call, error)),
    );
  }

  private answered<T>(call: ClientCall<T>, value: T): void {
    this.options.log('driver', `${call.name}: done`);
    call.done(value);
    this.close();
  }

  private refused<T>(again: Again, { name }: ClientCall<T>, error: unknown): void {
    this.options.log('driver', `${name}: ${String(error)}`);
    if (isInjected(error) || error instanceof ShutdownError || error instanceof WaitTimeoutError) {
      again(AGAIN_MS);
      return;
    }
    const action = name.split(' ')[0];
    if (error instanceof RunNotFoundError && action !== 'start' && action !== 'signal') {
      // Its start has not been accepted yet, or never will be.
      if (this.startsOpen(name.split(' ')[1] ?? '')) again(AGAIN_MS);
      else this.close();
      return;
    }
    if (error instanceof UnknownWorkflowError && action === 'start') {
      again(AGAIN_MS);
      return;
    }
    const expected =
      error instanceof RunStateError &&
      (action === 'retry' || action === 'cancel' || action === 'terminate');
    this.options.violations.check(
      expected,
      'API',
      () => `${name} was answered with ${describe(error)}`,
    );
    this.close();
  }

  private startsOpen(runId: string): boolean {
    return !runId.includes('.') && !this.told.starts.has(runId);
  }

  private close(): void {
    this.open -= 1;
  }

  private pick(): SimProcess | undefined {
    const up = this.options.processes.filter(
      (process) => process.state === 'up' && !process.paused,
    );
    return up[Math.floor(hashUnit(this.options.seed, 'client', this.calls) * up.length)];
  }
}

interface ClientCall<T> {
  readonly name: string;
  readonly invoke: (client: DurableClient) => Promise<T>;
  readonly done: (value: T) => void;
}

/** Turns a synchronous throw into a rejection. */
async function begin<T>(invoke: () => Promise<T>): Promise<T> {
  return invoke();
}

function refusedAsConflict(error: unknown): boolean {
  if (error instanceof RunConflictError) return true;
  throw error;
}

function describe(error: unknown): string {
  if (error instanceof DurableError) return `${error.code}: ${error.message}`;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
