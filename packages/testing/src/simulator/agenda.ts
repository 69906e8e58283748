/**
 * Virtual time and the agenda of what may happen next.
 *
 * A1. Nothing happens but by picking one event; the pick is a seeded choice among the events that are due.
 * A2. Time stands still while anything is due, except for seeded jumps; it never passes the `latest` of a due event, so
 *     a fault-free world keeps its promises on latency however unlucky the choice.
 * A3. Events of a paused owner are not due until it resumes.
 */
import type { Rng } from './random.js';

/** Whoever an event belongs to: a process that can be paused or killed, or the world itself. */
export interface EventOwner {
  readonly name: string;
  readonly paused: boolean;
}

export interface EventRequest {
  readonly owner: EventOwner;
  /** The thread of control it belongs to, for priorities: `i0.reply`, `driver`. */
  readonly actor: string;
  readonly label: string;
  /** Virtual milliseconds from now. */
  readonly delayMs?: number;
  /** How long it may be kept back once it is due. */
  readonly slackMs?: number;
  /** Set when nothing but the store's own plain promises is touched, which need no macrotask to settle. */
  readonly quiet?: boolean;
  readonly run: () => void | Promise<void>;
}

export interface AgendaEvent extends EventRequest {
  readonly id: number;
  readonly readyAt: number;
  readonly latest: number;
}

/** `pct`: probabilistic concurrency testing (Burckhardt et al., ASPLOS 2010): random priorities, few change points. */
export interface SchedulePolicy {
  readonly mode: 'uniform' | 'pct';
  /** Steps at which the actor that is about to run drops to the lowest priority. */
  readonly changePoints: readonly number[];
  /** Probability per step that time jumps to the next event although others are due. */
  readonly jumpChance: number;
}

const DEFAULT_SLACK_MS = 60;

export class Agenda {
  /** True time, in epoch milliseconds: also the database's. */
  now: number;
  steps = 0;
  private readonly events: AgendaEvent[] = [];
  private readonly rng: Rng;
  private readonly policy: SchedulePolicy;
  private readonly priorities = new Map<string, number>();
  private readonly changePoints: ReadonlySet<number>;
  private lowest = 0;
  private nextId = 1;

  constructor(startAt: number, policy: SchedulePolicy, rng: Rng) {
    this.now = startAt;
    this.policy = policy;
    this.rng = rng;
    this.changePoints = new Set(policy.changePoints);
  }

  add(request: EventRequest): AgendaEvent {
    const readyAt = this.now + Math.max(0, Math.ceil(request.delayMs ?? 0));
    const latest = readyAt + (request.slackMs ?? DEFAULT_SLACK_MS);
    const event: AgendaEvent = { ...request, id: this.nextId, readyAt, latest };
    this.nextId += 1;
    this.events.push(event);
    return event;
  }

  remove(event: AgendaEvent): void {
    const at = this.events.indexOf(event);
    if (at >= 0) this.events.splice(at, 1);
  }

  /** Takes the events away that `match`, and returns them. */
  removeWhere(match: (event: AgendaEvent) => boolean): AgendaEvent[] {
    const gone = this.events.filter(match);
    for (const event of gone) this.remove(event);
    return gone;
  }

  /** The next event to run, with time moved on as far as needed; null when nothing will ever be due. */
  take(): AgendaEvent | null {
    let due = this.dueNow();
    if (due.length === 0 || this.rng.chance(this.policy.jumpChance)) {
      if (this.advance(due)) due = this.dueNow();
    }
    if (due.length === 0) return null;
    const event = this.policy.mode === 'pct' ? this.takePriority(due) : this.rng.pick(due);
    this.remove(event);
    this.steps += 1;
    return event;
  }

  private dueNow(): AgendaEvent[] {
    return this.events.filter((event) => event.readyAt <= this.now && !event.owner.paused);
  }

  private advance(due: readonly AgendaEvent[]): boolean {
    let next = Number.POSITIVE_INFINITY;
    for (const event of this.events) {
      if (event.readyAt > this.now && !event.owner.paused) next = Math.min(next, event.readyAt);
    }
    for (const event of due) {
      if (event.latest < next) return false;
    }
    if (next === Number.POSITIVE_INFINITY) return false;
    this.now = next;
    return true;
  }

  private takePriority(due: readonly AgendaEvent[]): AgendaEvent {
    let best = this.highest(due);
    if (this.changePoints.has(this.steps)) {
      this.lowest -= 1;
      this.priorities.set(best.actor, this.lowest);
      best = this.highest(due);
    }
    return best;
  }

  private highest(due: readonly AgendaEvent[]): AgendaEvent {
    const overdue = due.filter((event) => event.latest <= this.now);
    const candidates = overdue.length > 0 ? overdue : due;
    let best = candidates[0] as AgendaEvent;
    for (const event of candidates) {
      if (this.priorityOf(event.actor) > this.priorityOf(best.actor)) best = event;
    }
    return best;
  }

  private priorityOf(actor: string): number {
    const known = this.priorities.get(actor);
    if (known !== undefined) return known;
    const drawn = 1 + this.rng.next();
    this.priorities.set(actor, drawn);
    return drawn;
  }
}
