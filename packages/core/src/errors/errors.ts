/**
 * The error tree. Every class extends `DurableError`, has a stable `code`, and comes back from the codec as itself.
 *
 *     DurableError
 *     ├─ thrown by users    FatalError, RetryableError
 *     ├─ arguments, values  InvalidArgumentError, UnserializableValueError, PayloadTooLargeError, CodecError,
 *     │                     SchemaValidationError
 *     ├─ runs               RunNotFoundError, RunConflictError, RunIdBusyError, RunStateError, RunFailedError,
 *     │                     RunCancelledError, RunBlockedError, RunTimeoutError, CancelledError, ChildFailedError
 *     ├─ time               StepTimeoutError, HeartbeatTimeoutError, RemoteCrashError, SignalTimeoutError,
 *     │                     WaitTimeoutError
 *     └─ engine             UnknownWorkflowError, DuplicateRegistrationError, LeaseLostError, DeterminismError,
 *                           ForeignAwaitError, BrokenWorkflowError, SchemaTooNewError, TransactionsUnsupportedError, ShutdownError, NotStartedError
 */
import { DurableError } from './durable-error.js';
import * as engine from './engine-errors.js';
import * as argument from './invalid-argument-error.js';
import * as run from './run-errors.js';
import * as thrown from './thrown-errors.js';
import * as timeout from './timeout-errors.js';
import * as value from './value-errors.js';

export { DurableError, type DurableErrorOptions, type ErrorFields } from './durable-error.js';
export {
  type BrokenWorkflow,
  BrokenWorkflowError,
  DeterminismError,
  type Duplicate,
  DuplicateRegistrationError,
  type ForeignAwait,
  ForeignAwaitError,
  LeaseLostError,
  type LostLease,
  NotStartedError,
  type OperationLabel,
  type ReplayMismatch,
  SchemaTooNewError,
  ShutdownError,
  TransactionsUnsupportedError,
  type UnknownWorkflow,
  UnknownWorkflowError,
} from './engine-errors.js';
export { type InvalidArgument, InvalidArgumentError } from './invalid-argument-error.js';
export {
  type BusyRunId,
  type Cancellation,
  CancelledError,
  ChildFailedError,
  type FailedChild,
  type RefusedTransition,
  RunBlockedError,
  RunCancelledError,
  type RunConflict,
  RunConflictError,
  RunFailedError,
  RunIdBusyError,
  RunNotFoundError,
  RunStateError,
  RunTimeoutError,
} from './run-errors.js';
export {
  FatalError,
  RetryableError,
  type RetryableErrorOptions,
  type ThrownErrorOptions,
} from './thrown-errors.js';
export {
  HeartbeatTimeoutError,
  type RemoteCrash,
  RemoteCrashError,
  SignalTimeoutError,
  type StepTimeout,
  StepTimeoutError,
  WaitTimeoutError,
} from './timeout-errors.js';
export {
  CodecError,
  type FailedSchema,
  type PayloadSize,
  PayloadTooLargeError,
  type SchemaIssue,
  SchemaValidationError,
  type StandardIssue,
  toSchemaIssues,
  type UnserializableValue,
  UnserializableValueError,
} from './value-errors.js';

type AnyErrorClass = abstract new (...args: never[]) => Error;

/** Every class of the tree: the codec revives all of them. */
export const durableErrorClasses: readonly AnyErrorClass[] = [
  DurableError,
  argument.InvalidArgumentError,
  engine.BrokenWorkflowError,
  engine.DeterminismError,
  engine.DuplicateRegistrationError,
  engine.ForeignAwaitError,
  engine.LeaseLostError,
  engine.NotStartedError,
  engine.SchemaTooNewError,
  engine.ShutdownError,
  engine.TransactionsUnsupportedError,
  engine.UnknownWorkflowError,
  run.CancelledError,
  run.ChildFailedError,
  run.RunBlockedError,
  run.RunCancelledError,
  run.RunConflictError,
  run.RunFailedError,
  run.RunIdBusyError,
  run.RunNotFoundError,
  run.RunStateError,
  run.RunTimeoutError,
  thrown.FatalError,
  thrown.RetryableError,
  timeout.HeartbeatTimeoutError,
  timeout.RemoteCrashError,
  timeout.SignalTimeoutError,
  timeout.StepTimeoutError,
  timeout.WaitTimeoutError,
  value.CodecError,
  value.PayloadTooLargeError,
  value.SchemaValidationError,
  value.UnserializableValueError,
];
