import {
  DuplicateRegistrationError,
  InvalidArgumentError,
  UnknownWorkflowError,
} from '../errors/errors.js';
import { requireName } from '../model/ids.js';
import type { ServedWorkflow } from '../transport/remote-workflows.js';
import type { ResolvedWorkflow } from './context-host.js';
import type { StepDefinition, WorkflowDefinition } from './definition.js';

/** The workflows and step handlers of this process. */
export class Registry {
  private readonly workflows = new Map<string, WorkflowDefinition[]>();
  private readonly byToken = new Map<unknown, WorkflowDefinition>();
  private readonly stepsByToken = new Map<unknown, StepDefinition>();
  private readonly contracts = new Map<string, StepDefinition>();
  private elsewhere: readonly ServedWorkflow[] = [];

  /** @throws DuplicateRegistrationError, InvalidArgumentError */
  addWorkflow(definition: WorkflowDefinition): void {
    const { name, version, token, source, run } = definition;
    requireName(name, `name of workflow ${source}`);
    requireName(version, `version of workflow ${source}`);
    if (typeof run !== 'function') {
      const todo = 'Give the workflow a method run(ctx, input).';
      throw new InvalidArgumentError({ field: `${source}.run`, received: run, todo });
    }
    const versions = this.workflows.get(name) ?? [];
    const other = versions.find((known) => known.version === version);
    if (other !== undefined) {
      const found = {
        kind: 'workflow',
        name: servedKey(name, version),
        first: other.source,
        second: source,
      } as const;
      throw new DuplicateRegistrationError(found);
    }
    this.workflows.set(name, [...versions, definition]);
    if (token !== undefined) this.byToken.set(token, definition);
  }

  /** @throws DuplicateRegistrationError if another handler serves the same contract */
  addStep(definition: StepDefinition): void {
    const { contract, token, source } = definition;
    requireName(definition.name, `name of step ${source}`);
    if (contract !== undefined) {
      const other = this.contracts.get(contract.name);
      if (other !== undefined) {
        const found = {
          kind: 'step',
          name: contract.name,
          first: other.source,
          second: source,
        } as const;
        throw new DuplicateRegistrationError(found);
      }
      this.contracts.set(contract.name, definition);
    }
    if (token !== undefined) this.stepsByToken.set(token, definition);
  }

  findStep(token: unknown): StepDefinition | undefined {
    return this.stepsByToken.get(token);
  }

  /** The handlers of remote steps. */
  contractSteps(): readonly StepDefinition[] {
    return [...this.contracts.values()];
  }

  findWorkflow(name: string, version: string): WorkflowDefinition | undefined {
    return this.workflows.get(name)?.find((definition) => definition.version === version);
  }

  /** Takes the workflows whose code other processes have, instead of those it had. What is registered here comes first. */
  setElsewhere(served: readonly ServedWorkflow[]): void {
    this.elsewhere = served;
  }

  /** What this process can execute, its code here or elsewhere, as the store's ready list names it. */
  served(): readonly string[] {
    const all = [...[...this.workflows.values()].flat(), ...this.elsewhere];
    return [...new Set(all.map(({ name, version }) => servedKey(name, version)))];
  }

  /** Whether this process can execute it, its code here or elsewhere. */
  serves(name: string, version: string): boolean {
    const isIt = (other: ServedWorkflow) => other.name === name && other.version === version;
    return this.findWorkflow(name, version) !== undefined || this.elsewhere.some(isIt);
  }

  workflowNames(): readonly string[] {
    return [...this.workflows.keys()];
  }

  /**
   * The name and version that a reference means here: the version asked for, else the one marked default, else the
   * highest by natural order, of those whose code is here or elsewhere. Null if this process does not know the workflow.
   *
   * @throws InvalidArgumentError if the reference is neither a name nor a registered class
   */
  resolve(reference: unknown, version: string | undefined): ResolvedWorkflow | null {
    const registered = this.byToken.get(reference);
    if (registered !== undefined)
      return { name: registered.name, version: version ?? registered.version };
    if (typeof reference !== 'string') {
      const todo =
        'Pass the name of a workflow, or a class that carries @Workflow and is registered in this process.';
      throw new InvalidArgumentError({ field: 'workflow', received: reference, todo });
    }
    const name = requireName(reference, 'workflow');
    if (version !== undefined) return { name, version: requireName(version, 'version') };
    const versions = this.workflows.get(name) ?? [];
    const others = this.elsewhere.filter((other) => other.name === name);
    const chosen =
      versions.find(({ isDefault }) => isDefault === true) ?? highest([...versions, ...others]);
    return chosen === undefined ? null : { name, version: chosen.version };
  }

  /** As `resolve`. @throws UnknownWorkflowError if this process does not know the workflow and no version is given */
  require(reference: unknown, version: string | undefined): ResolvedWorkflow {
    const found = this.resolve(reference, version);
    if (found !== null) return found;
    throw new UnknownWorkflowError({ workflow: String(reference), known: this.workflowNames() });
  }
}

/** `workflow@version`, as the store's ready list names it. */
export function servedKey(workflow: string, version: string): string {
  return `${workflow}@${version}`;
}

const naturalOrder = new Intl.Collator('en', { numeric: true });

function highest(versions: readonly ServedWorkflow[]): ServedWorkflow | undefined {
  return [...versions].sort((a, b) => naturalOrder.compare(b.version, a.version))[0];
}
