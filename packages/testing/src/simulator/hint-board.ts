/** Hints between the processes: always delayed a little, and lost, repeated and late when the transport's faults are on. */
import type { HintListener } from '@dudousxd/nestjs-durable-core';
import type { Agenda, EventOwner } from './agenda.js';
import type { FaultPlan } from './faults.js';
import { hashUnit } from './random.js';

export interface HintBoardOptions {
  readonly seed: number;
  readonly agenda: Agenda;
  readonly plan: FaultPlan;
  readonly log: (who: string, text: string) => void;
}

interface Ear {
  readonly owner: EventOwner;
  readonly listener: HintListener;
}

const SPREAD_MS = 8;

export class HintBoard {
  private readonly options: HintBoardOptions;
  private readonly ears = new Set<Ear>();
  private messages = 0;

  constructor(options: HintBoardOptions) {
    this.options = options;
  }

  listen(owner: EventOwner, listener: HintListener): () => void {
    const ear = { owner, listener };
    this.ears.add(ear);
    return () => this.ears.delete(ear);
  }

  /** Tells everybody but the sender. */
  publish(sender: EventOwner, namespace: string): void {
    for (const ear of this.ears) if (ear.owner !== sender) this.send(ear, namespace);
  }

  private send(ear: Ear, namespace: string): void {
    const { seed, plan, agenda, log } = this.options;
    this.messages += 1;
    const fault = plan.hintFault(this.messages);
    const transitMs = Math.floor(hashUnit(seed, 'hint', this.messages) ** 2 * SPREAD_MS);
    if (fault !== null) {
      const text = `${fault.kind}: hint to ${ear.owner.name}`;
      plan.record({ id: fault.id, at: agenda.now, instance: null, text });
      log('hints', `FAULT ${text}`);
    }
    if (fault?.kind === 'drop') return;
    const copies = fault?.kind === 'duplicate' ? fault.copies : 0;
    const lateMs = fault?.kind === 'late' ? fault.lateMs : 0;
    for (let i = 0; i <= copies; i += 1) {
      agenda.add({
        owner: ear.owner,
        actor: `${ear.owner.name}.hint`,
        label: 'hint',
        delayMs: transitMs + lateMs + i * 30,
        run: () => {
          if (this.ears.has(ear)) ear.listener(namespace);
        },
      });
    }
  }
}
