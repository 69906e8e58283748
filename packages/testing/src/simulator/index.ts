export {
  type CallSite,
  recordCallSites,
  SINGLE_FAULTS,
  SIX_OPERATIONS,
  simulateSingleFault,
  singleFaultScenario,
} from './exhaustive.js';
export type { FaultRecord, FaultSpec, StoreFaultKind } from './faults.js';
export {
  dropEpochCheck,
  lookBeforeRecordingWait,
  type StoreMutation,
  suspendHidesWake,
} from './mutations.js';
export type { Program, ProgramNode } from './program.js';
export { formatReport, formatScenario, type ReportOptions } from './report.js';
export { drawScenario, isFaultFree, type Scenario } from './scenario.js';
export { type ShrinkOptions, shrink } from './shrink.js';
export type { EngineFactory, SimulatedEngine } from './sim-process.js';
export {
  type SimulateOptions,
  type SimulationResult,
  type SimulationStats,
  simulate,
  simulateSeed,
} from './simulate.js';
export type { InvariantId, Violation } from './violations.js';
