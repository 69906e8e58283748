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
  /** The last progress of the attempt before, if any. */
  progress: optional(value),
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

/** Every message of this version, by its type. */
export const messageSchemas = {
  task: taskMessage,
  result: resultMessage,
  heartbeat: heartbeatMessage,
  cancel: cancelMessage,
  worker: workerMessage,
  engine: engineMessage,
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
