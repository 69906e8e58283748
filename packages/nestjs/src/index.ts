export { DurableStep, type StepMethodDecorator } from './decorators/durable-step.decorator.js';
export {
  type RunnableClass,
  Workflow,
  type WorkflowOptions,
} from './decorators/workflow.decorator.js';
export { DurableModule } from './durable.module.js';
export { DurableWiringError } from './durable.wiring.js';
export { DurableExceptionFilter } from './durable-exception.filter.js';
export type { DurableModuleAsyncOptions, DurableModuleOptions } from './durable-options.js';
export { WorkflowService } from './workflow.service.js';
