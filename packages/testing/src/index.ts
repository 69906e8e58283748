export {
  describeStoreConformance,
  type StatementFault,
  type StoreFactory,
  type StoreFixture,
} from './conformance/store/index.js';
export {
  inOrder,
  type TransactionFactory,
  type TransactionFixture,
} from './conformance/transactions/fixture.js';
export { describeTransactionConformance } from './conformance/transactions/suite.js';
export type { TransportEnds, TransportFixture } from './conformance/transport/fixture.js';
export { describeTransportConformance } from './conformance/transport/suite.js';
export {
  type CallSite,
  drawScenario,
  dropEpochCheck,
  type EngineFactory,
  type FaultRecord,
  type FaultSpec,
  formatReport,
  formatScenario,
  type InvariantId,
  isFaultFree,
  lookBeforeRecordingWait,
  type Program,
  type ProgramNode,
  type ReportOptions,
  recordCallSites,
  type Scenario,
  type ShrinkOptions,
  SINGLE_FAULTS,
  SIX_OPERATIONS,
  type SimulatedEngine,
  type SimulateOptions,
  type SimulationResult,
  type SimulationStats,
  type StoreFaultKind,
  type StoreMutation,
  shrink,
  simulate,
  simulateSeed,
  simulateSingleFault,
  singleFaultScenario,
  suspendHidesWake,
  type Violation,
} from './simulator/index.js';
