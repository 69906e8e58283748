import type {
  Arrival,
  RemoteTask,
  RunRecord,
  StateStore,
  Turn,
  WaitRegistration,
} from '@dudousxd/nestjs-durable-core';
import {
  blocked,
  buildEvent,
  buildNewRun,
  buildTask,
  buildTurn,
  completed,
  failed,
} from '../build.js';
import { choose } from './choose.js';
import type { TurnCommand } from './commands.js';
import { type StorePair, TOKENS } from './pair.js';

/** Of the operation that starts the same child each time; all other positions stay below. */
const KID_POSITION = 1_000_000;
const POLICIES = ['cancel', 'terminate', 'abandon'] as const;

/** Makes the same turn for either store, out of what lies in its inbox at the first use. */
type TurnMaker = (store: StateStore) => Promise<Turn>;

/** Makes the turns of a random sequence out of what the run has at that moment, and commits them. */
export class TurnBuilder {
  /** Every task that a turn has asked for, the ended ones included. */
  readonly tasks: RemoteTask[] = [];
  readonly #pair: StorePair;
  readonly #runIds: readonly string[];
  /** The last wait of each run at each token, whether or not it is open still. */
  readonly #waits = new Map<string, WaitRegistration[]>();
  /** How each run's last turn was made: to send it again. */
  readonly #last = new Map<string, TurnMaker>();
  #position = 0;

  constructor(pair: StorePair, runIds: readonly string[]) {
    this.#pair = pair;
    this.#runIds = runIds;
  }

  /** Commits a turn of an owned run, or the last turn of any run once more. Does nothing if there is no such run. */
  async commit(command: TurnCommand): Promise<void> {
    const make =
      command.flaw === 'again' ? await this.#lastTurn(command) : await this.#nextTurn(command);
    if (make) await this.#pair.both(async (store) => store.commit([await make(store)]));
  }

  async #lastTurn(command: TurnCommand): Promise<TurnMaker | undefined> {
    const sent = (await this.#pair.runs()).filter((run) => this.#last.has(run.id));
    return sent.length === 0 ? undefined : this.#last.get(choose(sent, command.run).id);
  }

  async #nextTurn(command: TurnCommand): Promise<TurnMaker | undefined> {
    const owned = (await this.#pair.runs()).filter((run) => run.worker !== null);
    if (owned.length === 0) return undefined;
    const run = choose(owned, command.run);
    const make = await this.#prepare(run, command);
    this.#last.set(run.id, make);
    return make;
  }

  /** Fixes the turn; only the ids of consumed messages are read from the store that it is for, at the first use. */
  async #prepare(run: RunRecord, command: TurnCommand): Promise<TurnMaker> {
    const requests = [{ runId: run.id, branch: run.branch, after: 0 }];
    const [history = []] = await this.#pair.model.history(requests);
    const writes = this.#writes(run, command, history.length);
    const made = new Map<StateStore, Turn>();
    return async (store) => {
      const known = made.get(store);
      if (known) return known;
      const arrivals = await this.#pair.arrivals(store, run);
      const turn = buildTurn(run, { ...writes, ...consumption(arrivals, command) });
      const flawed = { ...turn, ...flawOf(turn, command) };
      made.set(store, flawed);
      return flawed;
    };
  }

  #writes(run: RunRecord, command: TurnCommand, lastSeq: number): Partial<Turn> {
    const { events, endTask, messageTo } = command;
    const body = { kind: 'cancel', reason: `from ${run.id}` } as const;
    const withdrawals = this.#withdrawals(run, command);
    return {
      events: Array.from({ length: events }, (_, i) => {
        return buildEvent(lastSeq + 1 + i, { payload: `"${run.epoch}/${this.#next()}"` });
      }),
      withdrawals,
      waits: this.#register(run, command),
      tasks: this.#issue(run, command.tasks),
      endedTasks:
        endTask === null || this.tasks.length === 0 ? [] : [choose(this.tasks, endTask).id],
      children: this.#children(run, command),
      messages:
        messageTo === null
          ? []
          : [{ runId: choose(this.#runIds, messageTo), branch: null, key: 'cancel', body }],
      change: this.#change(command),
    };
  }

  #next(): number {
    this.#position += 1;
    return this.#position;
  }

  /** A run that is to wait without a timer gets a wait without a deadline in the same turn. */
  #register(run: RunRecord, { waits, change }: TurnCommand): WaitRegistration[] {
    const wanted = change === 'wait' ? [...waits, { token: 0, hasDeadline: false }] : waits;
    const registrations = wanted.map(({ token, hasDeadline }) => ({
      token: choose(TOKENS, token),
      position: this.#next(),
      deadline: hasDeadline ? this.#pair.now + 10 : null,
    }));
    this.#waits.set(run.id, [...(this.#waits.get(run.id) ?? []), ...registrations]);
    return registrations;
  }

  #withdrawals(run: RunRecord, { withdraw }: TurnCommand): Turn['withdrawals'] {
    const known = this.#waits.get(run.id) ?? [];
    if (!withdraw || known.length === 0) return [];
    const { token, position, deadline } = choose(known, withdraw.pick);
    return [
      { token, position, deadline: withdraw.isTimeout ? (deadline ?? this.#pair.now) : null },
    ];
  }

  #issue(run: RunRecord, count: number): RemoteTask[] {
    const issued = Array.from({ length: count }, (_, i) => {
      const position = this.#next();
      const priority = position % 3 === 0 ? 1 : 0;
      return buildTask(run, `task-${position}`, { position, priority, attempt: i + 1 });
    });
    this.tasks.push(...issued);
    return issued;
  }

  #children(run: RunRecord, { child }: TurnCommand): Turn['children'] {
    if (!child) return [];
    const id = child.again ? kidIdOf(run) : choose(this.#runIds, child.id);
    const closePolicy = choose(POLICIES, child.policy);
    const position = child.again ? KID_POSITION : this.#next();
    return [
      buildNewRun(id, { parent: { runId: run.id, branch: run.branch, position, closePolicy } }),
    ];
  }

  #change({ change, hasChildren, sleepMs }: TurnCommand): Turn['change'] {
    const { now } = this.#pair;
    switch (change) {
      case 'none':
        return null;
      case 'sleep': {
        const until = now + sleepMs;
        const waitingFor = [{ kind: 'timer', name: 'sleep', position: 1, until }] as const;
        return { to: 'suspended', wakeAt: until, waitingFor };
      }
      case 'wait':
        return { to: 'suspended', wakeAt: null, waitingFor: [] };
      case 'complete':
        return completed('"out"', hasChildren);
      case 'fail':
        return failed('"err"', hasChildren);
      case 'block':
        return blocked();
      default:
        return change satisfies never;
    }
  }
}

/** One id for each run and its kid, so that a kid's kid has an id that another run has. */
function kidIdOf({ id }: RunRecord): string {
  return `kid-of-${id.slice(-2)}`;
}

/** The chosen ones of the arrivals; a signal of each token at most once, as a run has one wait there. */
function consumption(arrivals: readonly Arrival[], { consume }: TurnCommand): Partial<Turn> {
  const chosen = arrivals.filter((_, i) => consume[i % consume.length] === true);
  return {
    consumedInbox: chosen.flatMap((item) => (item.type === 'inbox' ? [item.messageId] : [])),
    consumedSignals: chosen.flatMap((item) => {
      if (item.type !== 'signal') return [];
      const { token, messageId, position } = item;
      return [{ token, messageId, position }];
    }),
  };
}

function flawOf(turn: Turn, { flaw }: TurnCommand): Partial<Turn> {
  switch (flaw) {
    case 'epoch':
      return { epoch: turn.epoch - 1 };
    case 'worker':
      return { worker: 'somebody' };
    case 'branch':
      return { branch: turn.branch + 1 };
    case 'gap':
      return { events: turn.events.map((event) => ({ ...event, seq: event.seq + 1 })) };
    case 'ghost':
      return { consumedInbox: [...turn.consumedInbox, '123456789'] };
    case 'again':
    case 'none':
      return {};
    default:
      return flaw satisfies never;
  }
}
