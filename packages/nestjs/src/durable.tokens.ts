/** Injection token of the options that `DurableModule` was given. */
export const DURABLE_OPTIONS = Symbol.for('@dudousxd/nestjs-durable/options');

/** Metadata of a class under `@Workflow`. A string key, so that copies of this package agree on it. */
export const WORKFLOW_METADATA = 'nestjs-durable:workflow';

/** Metadata of a prototype whose methods carry `@DurableStep`: a list of them. */
export const STEPS_METADATA = 'nestjs-durable:steps';
