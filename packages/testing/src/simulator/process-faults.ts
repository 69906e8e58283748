import type { Agenda } from './agenda.js';
import type { FaultPlan, FaultSpec, ProcessFault } from './faults.js';
import type { SimProcess } from './sim-process.js';

/** Crashes of one world: more would only test the back-off of crash loops. */
const MAX_CRASHES = 8;

export interface ProcessFaultOptions {
  readonly agenda: Agenda;
  readonly plan: FaultPlan;
  readonly spec: FaultSpec;
  readonly processes: readonly SimProcess[];
}

/** Carries out the planned faults of processes: crash, pause, orderly stop, clock jump. */
export class ProcessFaults {
  private readonly options: ProcessFaultOptions;
  private crashes = 0;

  constructor(options: ProcessFaultOptions) {
    this.options = options;
  }

  inject(fault: ProcessFault): void {
    const { processes, plan, spec, agenda } = this.options;
    const { kind, atMs, instance, ms } = fault;
    const target = processes[instance];
    const id = `p:${kind}:${atMs}:${instance}`;
    if (target === undefined || !plan.active || spec.suppressed.includes(id)) return;
    if (kind === 'crash') this.crashes += 1;
    if (this.crashes > MAX_CRASHES) return;
    plan.record({ id, at: agenda.now, instance, text: `${kind} ${ms} ms` });
    carryOut(target, fault);
  }
}

function carryOut(target: SimProcess, { kind, ms }: ProcessFault): void {
  switch (kind) {
    case 'crash':
      target.crash('planned', ms);
      return;
    case 'pause':
      target.pause(ms, 'planned');
      return;
    case 'drain':
      target.drain(ms);
      return;
    case 'clockJump':
      target.jump(ms);
      return;
  }
}
