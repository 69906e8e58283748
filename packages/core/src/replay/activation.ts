/** What an execution knows of the code that it drives, wherever that code runs. */
import type { OperationGroup, OperationKind } from '../model/history.js';
import type { Operation } from './operation.js';
import type { SideEffect } from './recorded.js';

/** How the body ended. */
export type BodyEnd =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly error: unknown };

/** Something the code did in a window that has to be recorded and that nothing will answer. */
export type Note =
  | {
      readonly note: 'sideEffect';
      readonly position: number;
      readonly name: string;
      readonly effect: SideEffect;
      readonly group: OperationGroup | null;
    }
  | { readonly note: 'patch'; readonly name: string }
  | { readonly note: 'withdraw'; readonly operation: Operation };

/** What a window asked for, in the order of asking. */
export type Asked = { readonly note: 'operation'; readonly operation: Operation } | Note;

/** The settlement of one operation. */
export interface Settlement {
  readonly position: number;
  readonly kind: OperationKind;
  readonly name: string;
  readonly ok: boolean;
  readonly value: unknown;
  /** The value or the error as it stands in history. */
  readonly payload: string;
}

/** One run of a workflow's code from the top, wherever the code is. */
export interface Activation {
  /** Whether the code runs in this process. */
  readonly isHere: boolean;
  /** What the code waits for, by position. */
  readonly pending: ReadonlyMap<number, Operation>;
  /** How the body ended; null while it has not. */
  readonly end: BodyEnd | null;
  /** The position the next operation will take. */
  readonly position: number;
  /** Name of the transaction that the code has asked for at this position, however it went on since. */
  transactionAt(position: number): string | undefined;
  /** Runs the body up to its first wait; `done` is called when the window has shut. */
  start(body: () => Promise<unknown>, done: () => void): void;
  /** Settles one operation in a window of its own; `seq` is the outcome's place in history. */
  deliver(seq: number, at: number, settlement: Settlement, done: () => void): void;
  /** Makes a cancel visible to the code, in its recorded place. */
  deliverCancel(seq: number, at: number, done: () => void): void;
  /** What was asked for since the last call and is not in history yet. */
  takeAsked(): readonly Asked[];
  /** Nobody needs it any more. */
  close(): void;
}

/** Stands for the code of a run that has not begun, or that has none. */
export const NO_CODE: Activation = {
  isHere: true,
  pending: new Map(),
  end: null,
  position: 1,
  transactionAt: () => undefined,
  start() {},
  deliver() {},
  deliverCancel() {},
  takeAsked: () => [],
  close() {},
};
