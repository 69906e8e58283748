import fc from 'fast-check';

/** What the turn of a random sequence does. Numbers are picks: each is taken modulo what there is to choose from. */
export interface TurnCommand {
  readonly op: 'turn';
  readonly run: number;
  /** How the turn differs from what the owner would send. `again`: a run's last turn is sent once more. */
  readonly flaw: 'none' | 'epoch' | 'worker' | 'branch' | 'gap' | 'ghost' | 'again';
  readonly events: number;
  /** Which of the arrivals are consumed. */
  readonly consume: readonly boolean[];
  readonly waits: readonly { readonly token: number; readonly hasDeadline: boolean }[];
  readonly withdraw: { readonly pick: number; readonly isTimeout: boolean } | null;
  readonly tasks: number;
  readonly endTask: number | null;
  /** `again`: as the operation that starts this child whenever the run does so, on every branch. */
  readonly child: {
    readonly id: number;
    readonly policy: number;
    readonly again: boolean;
  } | null;
  readonly messageTo: number | null;
  readonly change: 'none' | 'sleep' | 'wait' | 'complete' | 'fail' | 'block';
  readonly sleepMs: number;
  readonly hasChildren: boolean;
}

/** One operation of a random sequence. */
export type Command =
  | TurnCommand
  | {
      readonly op: 'create';
      readonly ids: readonly number[];
      readonly worker: number | null;
      readonly delayMs: number;
      readonly priority: number;
    }
  | {
      readonly op: 'claim';
      readonly worker: number;
      readonly limit: number;
      readonly resync: boolean;
      readonly both: boolean;
    }
  | { readonly op: 'heartbeat'; readonly worker: number; readonly leaseMs: number }
  | { readonly op: 'takeOver'; readonly maxCrashes: number }
  | { readonly op: 'releaseWorker'; readonly worker: number }
  | {
      readonly op: 'releaseRun' | 'beginProbation';
      readonly run: number;
      readonly isStale: boolean;
    }
  | {
      readonly op: 'deliver';
      readonly runs: readonly number[];
      readonly key: number;
      readonly branch: number | null;
    }
  | {
      readonly op: 'signal';
      readonly token: number;
      readonly ids: readonly number[];
      readonly ttlMs: number;
    }
  | { readonly op: 'takeTasks'; readonly limit: number; readonly visibilityMs: number }
  | { readonly op: 'extendTasks'; readonly task: number; readonly visibilityMs: number }
  | { readonly op: 'returnTasks'; readonly task: number; readonly afterMs: number }
  | { readonly op: 'markUnserved'; readonly task: number }
  | {
      readonly op: 'completeTasks';
      readonly tasks: readonly number[];
      readonly isForged: boolean;
      readonly isLate: boolean;
    }
  | { readonly op: 'terminate'; readonly run: number; readonly onlyPending: boolean }
  | {
      readonly op: 'retry';
      readonly run: number;
      readonly events: number | null;
      readonly isStale: boolean;
    }
  | { readonly op: 'deleteRun'; readonly run: number }
  | { readonly op: 'purge'; readonly limit: number }
  | { readonly op: 'advance'; readonly ms: number };

const pick = fc.nat({ max: 31 });
const few = fc.nat({ max: 2 });
const ms = fc.constantFrom(0, 1, 10, 100, 1_000);
const rarely = fc.oneof(
  { weight: 4, arbitrary: fc.constant(false) },
  { weight: 1, arbitrary: fc.constant(true) },
);

const turn = fc.record({
  op: fc.constant('turn' as const),
  run: pick,
  flaw: fc.oneof(
    { weight: 12, arbitrary: fc.constant('none' as const) },
    {
      weight: 3,
      arbitrary: fc.constantFrom(
        ...(['epoch', 'worker', 'branch', 'gap', 'ghost', 'again'] as const),
      ),
    },
  ),
  events: few,
  consume: fc.array(fc.boolean(), { minLength: 3, maxLength: 3 }),
  waits: fc.array(fc.record({ token: few, hasDeadline: fc.boolean() }), { maxLength: 2 }),
  withdraw: fc.option(fc.record({ pick, isTimeout: fc.boolean() }), { freq: 3 }),
  tasks: few,
  endTask: fc.option(pick, { freq: 3 }),
  child: fc.option(fc.record({ id: pick, policy: few, again: fc.boolean() }), { freq: 2 }),
  messageTo: fc.option(pick, { freq: 3 }),
  change: fc.constantFrom('none', 'none', 'sleep', 'wait', 'wait', 'complete', 'fail', 'block'),
  sleepMs: fc.constantFrom(-5, 5, 50),
  hasChildren: fc.boolean(),
});

const command: fc.Arbitrary<Command> = fc.oneof(
  { weight: 10, arbitrary: turn },
  {
    weight: 4,
    arbitrary: fc.record({
      op: fc.constant('create' as const),
      ids: fc.array(pick, { minLength: 1, maxLength: 3 }),
      worker: fc.option(few),
      delayMs: ms,
      priority: fc.integer({ min: -1, max: 1 }),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      op: fc.constant('claim' as const),
      worker: few,
      limit: fc.nat({ max: 5 }),
      resync: rarely,
      both: rarely.map((isRare) => !isRare),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      op: fc.constant('heartbeat' as const),
      worker: few,
      leaseMs: fc.constantFrom(1, 50, 1_000),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      op: fc.constant('takeOver' as const),
      maxCrashes: fc.constantFrom(2, 10),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ op: fc.constant('releaseWorker' as const), worker: few }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      op: fc.constantFrom('releaseRun' as const, 'beginProbation' as const),
      run: pick,
      isStale: rarely,
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      op: fc.constant('deliver' as const),
      runs: fc.array(pick, { minLength: 1, maxLength: 2 }),
      key: few,
      branch: fc.option(fc.nat({ max: 1 })),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      op: fc.constant('signal' as const),
      token: few,
      ids: fc.array(fc.nat({ max: 5 }), { minLength: 1, maxLength: 2 }),
      ttlMs: fc.constantFrom(5, 200, 1_000_000),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      op: fc.constant('takeTasks' as const),
      limit: few,
      visibilityMs: ms,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      op: fc.constant('extendTasks' as const),
      task: pick,
      visibilityMs: ms,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      op: fc.constant('returnTasks' as const),
      task: pick,
      afterMs: ms,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      op: fc.constant('markUnserved' as const),
      task: pick,
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      op: fc.constant('completeTasks' as const),
      tasks: fc.array(pick, { minLength: 1, maxLength: 2 }),
      isForged: rarely,
      isLate: rarely,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      op: fc.constant('terminate' as const),
      run: pick,
      onlyPending: rarely,
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      op: fc.constant('retry' as const),
      run: pick,
      events: fc.option(few),
      isStale: rarely,
    }),
  },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('deleteRun' as const), run: pick }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('purge' as const), limit: fc.nat(3) }) },
  { weight: 3, arbitrary: fc.record({ op: fc.constant('advance' as const), ms }) },
);

/** Sequences of operations, long enough that runs live several lives in them. */
export const commands: fc.Arbitrary<Command[]> = fc.array(command, {
  minLength: 1,
  maxLength: 80,
  size: 'max',
});
