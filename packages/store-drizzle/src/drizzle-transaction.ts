/**
 * The type of `tx` in the transactions of a Drizzle database: for `WorkflowCtx`.
 *
 * @example
 * ```ts
 * type Tx = DrizzleTransaction<typeof db>;
 * async run(ctx: WorkflowCtx<Tx>, input: Order) { … }
 * ```
 */
export type DrizzleTransaction<Db extends { readonly transaction: unknown }> =
  Db['transaction'] extends (work: infer Work, ...options: infer _Options) => unknown
    ? Work extends (tx: infer Tx) => unknown
      ? Tx
      : never
    : never;
