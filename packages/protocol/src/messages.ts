/**
 * The messages between engines and workers, version 1. docs/protocol.md says where each travels and what it means.
 *
 * **P1** A reader is tolerant: it keeps unknown fields out and takes `null` for an absent field, so that a later minor
 *   release may add fields. What it must not ignore gets a new version (`v`) or a new type.
 * **P2** Whoever answers for an attempt proves that it was given it: the attempt's token comes back with every answer.
 */
import { z } from 'zod';

/** The version that this release writes. It reads this one alone: versions differ in what must not be ignored. */
export const PROTOCOL_VERSION = 1;

/** Longest id, name or token, in UTF-16 code units: that of core's names, and of keys made of several of them. */
const MAX_NAME_LENGTH = 1_024;

/** A reason, an error in words. */
const MAX_TEXT_LENGTH = 8_192;

const MAX_ITEMS = 10_000;

const MAX_SAFE = Number.MAX_SAFE_INTEGER;

const name = z.string().min(1).max(MAX_NAME_LENGTH);
const count = z.int().min(0).max(MAX_SAFE);
const version = z.literal(PROTOCOL_VERSION);

/** An absent field may also be written as null. */
function optional<T>(schema: z.ZodType<T>) {
  return schema.nullish().transform((value) => value ?? undefined);
}

/** W3C trace context, of the span that has sent the message. */
const trace = {
  traceparent: optional(z.string().max(MAX_NAME_LENGTH)),
  tracestate: optional(z.string().max(MAX_TEXT_LENGTH)),
};

/** A value, in the text form of docs/protocol.md: plain JSON where only JSON values are in it. */
const value = z.string();

/** One attempt of a remote step, from an engine to a worker. */
export const taskMessage = z.object({
  v: version,
  type: z.literal('task'),
  /** Of this attempt alone. */
  taskId: name,
  /** 128 random bits, made by the engine, opaque to others: answers without it are forged. */
  token: name,
  /** Where answers go: the key of the results stream of the engine that has sent the task. */
  replyTo: name,
  namespace: name,
  runId: name,
  branch: count,
  position: count,
  /** From 1. */
  attempt: z.int().min(1).max(MAX_SAFE),
  step: name,
  input: value,
  /** The same for all attempts of the step. */
  idempotencyKey: name,
  /** The worker ends the attempt after this time. */
  timeoutMs: optional(count),
  /** The worker ends the attempt when its handler has reported nothing for this long. */
  heartbeatTimeoutMs: optional(count),
  /** How often the worker has to give a sign of life of a running attempt. */
  livenessMs: z.int().min(1).max(MAX_SAFE),
  /** How often the process of the attempt may die in the middle. After that it is not begun again, and has failed. */
  maxCrashes: optional(count),
  /** The last progress of the attempt before, if any. */
  progress: optional(value),
  /** A step of a workflow that the worker runs: in its inbox, not in a queue. The function is at `position` of it. */
  activation: optional(name),
  ...trace,
});

/** How an attempt has ended, from a worker to an engine. */
export const resultMessage = z.object({
  v: version,
  type: z.literal('result'),
  taskId: name,
  token: name,
  attempt: z.int().min(1).max(MAX_SAFE),
  ok: z.boolean(),
  /** The output, or the error, as text. */
  payload: value,
  /** Name of the worker. */
  worker: name,
  /** By the worker's clock, epoch milliseconds. */
  startedAt: optional(count),
  /** The last progress that the attempt has reported; the next attempt gets it. */
  progress: optional(value),
  ...trace,
});

/** A sign of life of a running attempt, from a worker to an engine. */
export const heartbeatMessage = z.object({
  v: version,
  type: z.literal('heartbeat'),
  taskId: name,
  token: name,
  /** Absent when unchanged. */
  progress: optional(value),
});

/** Asks for attempts to be stopped, from an engine to all workers. */
export const cancelMessage = z.object({
  v: version,
  type: z.literal('cancel'),
  taskIds: z.array(name).max(MAX_ITEMS),
  reason: z.string().max(MAX_TEXT_LENGTH),
});

/** Who serves what. A worker without steps serves no more. */
export const workerMessage = z.object({
  v: version,
  type: z.literal('worker'),
  /** Unique to the process and its start. */
  worker: name,
  /** Since when, by the worker's clock, epoch milliseconds. */
  startedAt: count,
  sdk: z.object({ name, version: name }),
  steps: z.array(z.object({ name, queue: name })).max(MAX_ITEMS),
  /** Workflows whose code the worker has. */
  workflows: optional(z.array(z.object({ name, version: name })).max(MAX_ITEMS)),
  /** Key of the stream on which it takes turns of workflows; there if it serves any. */
  inbox: optional(name),
});

/** An engine that reads a results stream. */
export const engineMessage = z.object({
  v: version,
  type: z.literal('engine'),
  /** Unique to the process and its start. */
  engine: name,
  startedAt: count,
  /** Key of the stream. */
  results: name,
});

const group = z.object({
  id: name,
  mode: z.enum(['all', 'race', 'map', 'scope']),
  name,
  branch: count,
  parent: optional(z.object({ id: name, branch: count })),
});

/** As `RetryPolicy` of core; what is absent is the engine's default. */
const stepOptions = z.object({
  maxAttempts: optional(z.int().min(1).max(MAX_SAFE)),
  initialDelayMs: optional(count),
  factor: optional(z.number().min(1).max(MAX_SAFE)),
  maxDelayMs: optional(count),
  jitter: optional(z.enum(['full', 'none'])),
  timeoutMs: optional(count),
  heartbeatTimeoutMs: optional(count),
});

/** What workflow code asks for. */
const request = z.discriminatedUnion('kind', [
  /** A step whose function the worker has: the engine sends a `task` for each attempt. */
  z.object({ kind: z.literal('step'), options: stepOptions }),
  z.object({ kind: z.literal('remote'), input: value, options: stepOptions }),
  /** One of the two. */
  z.object({ kind: z.literal('sleep'), durationMs: optional(count), untilMs: optional(count) }),
  z.object({ kind: z.literal('signal'), token: name, timeoutMs: optional(count) }),
  z.object({
    kind: z.literal('child'),
    workflow: name,
    version: optional(name),
    runId: optional(name),
    input: value,
    tags: optional(z.array(name).max(MAX_ITEMS)),
    priority: optional(z.int()),
    closePolicy: optional(z.enum(['cancel', 'terminate', 'abandon'])),
    /** The operation is done when the child exists; its outcome is an id, and `childResult` awaits the end. */
    detached: optional(z.boolean()),
  }),
  z.object({ kind: z.literal('childResult'), runId: name }),
]);

/** What the code did in one window, in its order. `cause`: `seq` of the window's outcome; 0 = the start. */
const asked = z.discriminatedUnion('ask', [
  z.object({
    ask: z.literal('operation'),
    cause: count,
    /** From 1, in the order of asking. */
    position: z.int().min(1).max(MAX_SAFE),
    name,
    request,
    group: optional(group),
    /** `file:line` of the code. */
    site: optional(z.string().max(MAX_NAME_LENGTH)),
  }),
  z.object({ ask: z.literal('patch'), cause: count, name }),
  /** A pending operation that is given up: it will have no outcome. */
  z.object({ ask: z.literal('withdraw'), cause: count, position: z.int().min(1).max(MAX_SAFE) }),
]);

const outcome = z.discriminatedUnion('outcome', [
  z.object({
    outcome: z.literal('settled'),
    seq: z.int().min(1).max(MAX_SAFE),
    /** Database time, epoch milliseconds. */
    at: count,
    position: z.int().min(1).max(MAX_SAFE),
    kind: z.enum(['step', 'remote', 'sleep', 'signal', 'child']),
    name,
    ok: z.boolean(),
    /** The value, or the error. */
    payload: value,
  }),
  z.object({
    outcome: z.literal('cancelRequested'),
    seq: z.int().min(1).max(MAX_SAFE),
    at: count,
    reason: optional(z.string().max(MAX_TEXT_LENGTH)),
  }),
]);

/** The run that an activation is of, and how far its history goes. */
const activationStart = z.object({
  namespace: name,
  runId: name,
  branch: count,
  workflow: name,
  version: name,
  input: value,
  /** What `ctx.random` and `ctx.uuid` derive from. */
  seed: name,
  /** Database time at which the body first ran. */
  startedAt: count,
  tags: z.array(name).max(MAX_ITEMS),
  parentRunId: optional(name),
  /** `seq` of the last outcome that history holds; 0 = none. */
  lastSeq: count,
  /** The last position that history holds; 0 = none. */
  maxPosition: count,
  /** Patches that history has marked. */
  patches: z.array(name).max(MAX_ITEMS),
});

/** The next outcomes for a workflow that a worker runs, from the engine that owns the run to the worker's inbox. */
export const turnMessage = z.object({
  v: version,
  type: z.literal('turn'),
  /** One instance of the code, from its start to its end or its loss. Never used twice. */
  activation: name,
  token: name,
  replyTo: name,
  /** From 1, without a gap. */
  turn: z.int().min(1).max(MAX_SAFE),
  /** In the first turn, and only there. */
  start: optional(activationStart),
  /** To be given to the code one at a time, in this order. */
  outcomes: z.array(outcome).max(MAX_ITEMS),
});

/** What the code did in a turn. */
export const turnResultMessage = z.object({
  v: version,
  type: z.literal('turnResult'),
  activation: name,
  token: name,
  turn: z.int().min(1).max(MAX_SAFE),
  worker: name,
  asked: z.array(asked).max(MAX_ITEMS),
  /** The position that the next operation takes. */
  nextPosition: z.int().min(1).max(MAX_SAFE),
  /** Set when the body has returned or raised. */
  end: optional(z.object({ ok: z.boolean(), payload: value })),
  /** The code did not ask for what an outcome is of. Nothing after it was given to the code. */
  mismatch: optional(
    z.object({
      position: z.int().min(1).max(MAX_SAFE),
      asked: optional(z.object({ kind: name, name })),
    }),
  ),
  /** The code did what workflow code must not, and cannot go on. */
  broken: optional(z.string().max(MAX_TEXT_LENGTH)),
});

/** The worker does not have this activation (any more): the engine begins another. */
export const lostMessage = z.object({
  v: version,
  type: z.literal('lost'),
  activation: name,
  token: name,
});

/** The engine needs an activation no more. */
export const releaseMessage = z.object({
  v: version,
  type: z.literal('release'),
  activation: name,
});

/** A start or a signal, from a process without a database to an engine. Sent again with the same ids, it is the same. */
export const callMessage = z.object({
  v: version,
  type: z.literal('call'),
  callId: name,
  /** Key of the stream for the answer. */
  replyTo: name,
  namespace: name,
  call: z.discriminatedUnion('method', [
    z.object({
      method: z.literal('start'),
      workflow: name,
      version: optional(name),
      runId: name,
      input: value,
      tags: optional(z.array(name).max(MAX_ITEMS)),
      priority: optional(z.int()),
    }),
    z.object({ method: z.literal('signal'), token: name, id: name, payload: value }),
  ]),
});

/** What came of a call, when it is durable. */
export const callResultMessage = z.object({
  v: version,
  type: z.literal('callResult'),
  callId: name,
  ok: z.boolean(),
  /** A JSON object, or the error. */
  payload: value,
});

/** Every message of this version, by its type. */
export const messageSchemas = {
  task: taskMessage,
  result: resultMessage,
  heartbeat: heartbeatMessage,
  cancel: cancelMessage,
  worker: workerMessage,
  engine: engineMessage,
  turn: turnMessage,
  turnResult: turnResultMessage,
  lost: lostMessage,
  release: releaseMessage,
  call: callMessage,
  callResult: callResultMessage,
} as const;

/** What a message is about: its field `type`. */
export type MessageType = keyof typeof messageSchemas;

/** A message as a reader gets it, by its type. */
export type MessageOf<T extends MessageType> = z.output<(typeof messageSchemas)[T]>;

/** A message as it is written, by its type. */
export type MessageInput<T extends MessageType> = z.input<(typeof messageSchemas)[T]>;

export type TaskMessage = MessageOf<'task'>;
export type ResultMessage = MessageOf<'result'>;
export type HeartbeatMessage = MessageOf<'heartbeat'>;
export type CancelMessage = MessageOf<'cancel'>;
export type WorkerMessage = MessageOf<'worker'>;
export type EngineMessage = MessageOf<'engine'>;
export type TurnMessage = MessageOf<'turn'>;
export type TurnResultMessage = MessageOf<'turnResult'>;
export type CallMessage = MessageOf<'call'>;
