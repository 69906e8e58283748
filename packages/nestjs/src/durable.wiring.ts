/**
 * What is wrong with an application's wiring, before anything starts. All findings are reported at once, each with the
 * classes it is about and what to do.
 */
import { DurableError } from '@dudousxd/nestjs-durable-core';
import type { Discovery, Found } from './durable.explorer.js';
import type { DurableModuleOptions } from './durable-options.js';

/** The application is wired wrongly; it does not start. `fields.problems` has each finding. */
export class DurableWiringError extends DurableError<{ readonly problems: readonly string[] }> {
  constructor(problems: readonly string[]) {
    const list = problems.map((problem) => `\n  - ${problem}`).join('');
    super(`DurableModule cannot start:${list}`, { code: 'WIRING', fields: { problems } });
  }
}

/** @throws DurableWiringError with everything that is wrong */
export function checkWiring(found: Discovery, options: DurableModuleOptions): void {
  const problems = [
    ...checkModules(found),
    ...checkRole(found, options),
    ...checkScopes([...found.workflows, ...found.steps]),
    ...checkMethods(found),
    ...checkWorkflowNames(found),
    ...checkDefaults(found),
    ...checkStepNames(found),
  ];
  if (problems.length > 0) throw new DurableWiringError(problems);
}

function checkModules({ modules }: Discovery): string[] {
  if (modules <= 1) return [];
  return [
    `DurableModule is imported ${modules} times with options. It is global: import it once, in the root module.`,
  ];
}

function checkRole({ workflows, steps }: Discovery, options: DurableModuleOptions): string[] {
  if (options.store !== undefined) return [];
  if (options.transport === undefined) {
    const idle = [...workflows, ...steps].map(({ source }) => source);
    const effect = idle.length === 0 ? '' : ` Nothing can run ${join(idle)}.`;
    return [
      `DurableModule has neither a store nor a transport.${effect} Pass a store, or a transport for a process that only serves steps.`,
    ];
  }
  return workflows.map(
    ({ source }) =>
      `${source} is a workflow, and a process without a store runs none. Pass a store to DurableModule, or provide the class elsewhere.`,
  );
}

function checkScopes(all: readonly Found<{ readonly name: string }>[]): string[] {
  return all
    .filter(({ isSingleton }) => !isSingleton)
    .map(
      ({ source }) =>
        `${source} is request-scoped or transient, by itself or through a dependency. Runs outlive requests: make it and what it injects singletons.`,
    );
}

function checkMethods({ workflows, steps }: Discovery): string[] {
  const missing = workflows.filter(({ isCallable }) => !isCallable);
  const odd = steps.filter(({ isCallable }) => !isCallable);
  return [
    ...missing.map(
      ({ source }) => `${source} carries @Workflow and has no method run(ctx, input).`,
    ),
    ...odd.map(({ source }) => `${source} carries @DurableStep and is not a method.`),
  ];
}

function checkWorkflowNames({ workflows }: Discovery): string[] {
  const key = ({ definition }: (typeof workflows)[number]) =>
    JSON.stringify([definition.name, definition.version]);
  return duplicates(workflows, key).map((same) => {
    const [first] = same;
    const { name, version } = first.definition;
    return `Workflow "${name}" version "${version}" is provided more than once: ${sources(same)}. ${advice(same, 'Give one another name or version')}`;
  });
}

function checkDefaults({ workflows }: Discovery): string[] {
  const defaults = workflows.filter(({ definition }) => definition.isDefault);
  return duplicates(defaults, ({ definition }) => definition.name)
    .filter((same) => new Set(same.map(({ definition }) => definition.version)).size > 1)
    .map((same) => {
      const versions = same.map(
        ({ source, definition }) => `${source} version "${definition.version}"`,
      );
      return `Workflow "${same[0].definition.name}" has more than one default version: ${join(versions)}. Mark one.`;
    });
}

function checkStepNames({ steps }: Discovery): string[] {
  return duplicates(steps, ({ definition }) => definition.name).map((same) => {
    const [first] = same;
    const what = same.some(({ definition }) => definition.contract) ? 'Contract' : 'Step';
    return `${what} "${first.definition.name}" has more than one handler: ${sources(same)}. ${advice(same, 'Keep one')}`;
  });
}

/** Groups of two or more with the same key. */
function duplicates<T>(items: readonly T[], keyOf: (item: T) => string): (readonly [T, ...T[]])[] {
  const groups = new Map<string, [T, ...T[]]>();
  for (const item of items) {
    const group = groups.get(keyOf(item));
    if (group === undefined) groups.set(keyOf(item), [item]);
    else group.push(item);
  }
  return [...groups.values()].filter(({ length }) => length > 1);
}

function sources(found: readonly { readonly source: string }[]): string {
  return join(found.map(({ source }) => source));
}

/** One class in two modules is two instances: the remedy is another than for two classes. */
function advice(found: readonly Found<{ readonly source: string }>[], otherwise: string): string {
  const isOneClass = new Set(found.map(({ definition }) => definition.source)).size === 1;
  return isOneClass ? 'Provide it in one module, and export it from there.' : `${otherwise}.`;
}

function join(parts: readonly string[]): string {
  return parts.length <= 1
    ? (parts[0] ?? '')
    : `${parts.slice(0, -1).join(', ')} and ${parts[parts.length - 1]}`;
}
