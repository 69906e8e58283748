export {
  type ClassCodec,
  type Codec,
  type CodecOptions,
  createCodec,
  type ErrorClass,
} from './codec/codec.js';
export { inputDigest } from './codec/digest.js';
export { DurableEngine } from './engine.js';
export type {
  DurableClient,
  EngineOptions,
  HistoryEntry,
  ListFilter,
  RunList,
  RunResult,
  RunSummary,
  RunView,
  RunWait,
  SignalOptions,
  SignalResult,
  StartOptions,
  StartResult,
  WorkerOptions,
} from './engine-types.js';
export { brandErrorClass } from './errors/durable-error.js';
export {
  CancelledError,
  ChildFailedError,
  CodecError,
  DeterminismError,
  DuplicateRegistrationError,
  DurableError,
  type ErrorFields,
  FatalError,
  ForeignAwaitError,
  HeartbeatTimeoutError,
  InvalidArgumentError,
  LeaseLostError,
  NotStartedError,
  PayloadTooLargeError,
  RemoteCrashError,
  RetryableError,
  type RetryableErrorOptions,
  RunBlockedError,
  RunCancelledError,
  RunConflictError,
  RunFailedError,
  RunIdBusyError,
  RunNotFoundError,
  RunStateError,
  RunTimeoutError,
  type SchemaIssue,
  SchemaTooNewError,
  SchemaValidationError,
  ShutdownError,
  SignalTimeoutError,
  StepTimeoutError,
  type ThrownErrorOptions,
  TransactionsUnsupportedError,
  UnknownWorkflowError,
  UnserializableValueError,
  WaitTimeoutError,
} from './errors/errors.js';
export type {
  EventDetail,
  HistoryEvent,
  HistoryEventType,
  OperationGroup,
  OperationKind,
} from './model/history.js';
export type {
  Arrival,
  Checkpoint,
  InboxBody,
  InboxMessage,
  RemoteResult,
  SignalMessage,
} from './model/message.js';
export { branchOf } from './model/message.js';
export type { RetryPolicy } from './model/retry.js';
export type {
  ClosePolicy,
  NewRun,
  ParentRef,
  RunOutcome,
  RunRecord,
  WaitingFor,
} from './model/run.js';
export { canTransition, isTerminal, RunStatus, type TerminalStatus } from './model/status.js';
export type { LifecycleEvent, LifecycleListener } from './observe/lifecycle.js';
export { contractHandler } from './remote/contract-handler.js';
export { livenessFor } from './remote/dispatcher.js';
export { type AttemptEnd, StepWorker, type StepWorkerOptions } from './remote/step-worker.js';
export { SUSPECT_FROM, SuspectSlot } from './remote/suspect-slot.js';
export { whenIdle } from './replay/drain.js';
export type {
  Clock,
  IdSource,
  Logger,
  Runtime,
  Scheduler,
  TimerHandle,
} from './runtime/runtime.js';
export { consoleLogger, createSystemRuntime } from './runtime/system.js';
export { childConflictOutcome, isSameChild } from './store/child-conflict.js';
export { InMemoryStateStore, type InMemoryStateStoreOptions } from './store/in-memory/index.js';
export { crashLoopReason, parentEndedReason } from './store/reasons.js';
export { DEAD_WORKER_RETENTION_MS, UNTAKEN_MS } from './store/retention.js';
export type { SettingFinding } from './store/setting-finding.js';
export {
  matchSignals,
  newlyMatchedRuns,
  type PayloadInLine,
  type SignalMatch,
  type WaitInLine,
} from './store/signal-match.js';
export type {
  ClaimedRun,
  ClaimRequest,
  ClaimResult,
  CommitOutcome,
  CommitResult,
  CreateOutcome,
  CreateRunsRequest,
  DeliverResult,
  HeartbeatRequest,
  HeartbeatResult,
  HintListener,
  HistoryRequest,
  NewTask,
  ProbationRequest,
  RemoteTask,
  RetryRequest,
  RunChange,
  RunFilter,
  RunPage,
  StateStore,
  StoreCapabilities,
  SweepResult,
  TakenTask,
  TakeOverRequest,
  TakeOverResult,
  TakeTasksRequest,
  TakeTasksResult,
  TaskResult,
  TaskReturn,
  TerminateRequest,
  TransactionGate,
  TransactionOutcome,
  TransactionRequest,
  Turn,
  UnservedTask,
  VerbOutcome,
  WaitRegistration,
  WaitWithdrawal,
} from './store/state-store.js';
export { InProcessTransport } from './transport/in-process.js';
export {
  type ActivationStart,
  type ClientCall,
  LineLostError,
  type LineStep,
  type RemoteWorkflows,
  type ServedWorkflow,
  type TurnAnswer,
  type TurnOutcome,
  type TurnRequest,
  type WireAsked,
  type WireGroup,
  type WireRequest,
  type WireStepOptions,
  type WorkflowLine,
  type WorkflowOperationKind,
} from './transport/remote-workflows.js';
export type {
  DispatchOutcome,
  StepHandler,
  TaskHeartbeat,
  Transport,
  TransportHost,
  TransportSink,
} from './transport/transport.js';
export type {
  AnyRemoteStep,
  ChildHandle,
  ChildOptions,
  Json,
  RegionOptions,
  RemoteOptions,
  RemoteStep,
  Signal,
  StepContext,
  StepOptions,
  WorkflowClass,
  WorkflowCtx,
  WorkflowRef,
} from './workflow/context.js';
export type { StepDefinition, WorkflowDefinition } from './workflow/definition.js';
export { type Duration, parseDuration } from './workflow/duration.js';
export {
  type RemoteStepConfig,
  type RemoteStepHandler,
  remoteStep,
} from './workflow/remote-step.js';
export { parseSoon, parseWithSchema, type SchemaUse } from './workflow/schema.js';
export { defineSignal } from './workflow/signal.js';
