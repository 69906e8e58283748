import { describe, expect, it } from 'vitest';
import { Agenda, type EventOwner, type SchedulePolicy } from './agenda.js';
import { Rng } from './random.js';

const WORLD: EventOwner = { name: 'world', paused: false };
const RESTLESS: SchedulePolicy = { mode: 'uniform', changePoints: [], jumpChance: 1 };
const CALM: SchedulePolicy = { mode: 'pct', changePoints: [2, 5], jumpChance: 0 };

function agendaOf(policy: SchedulePolicy, seed = 1): Agenda {
  return new Agenda(1_000, policy, new Rng(seed));
}

function add(agenda: Agenda, label: string, delayMs: number, owner: EventOwner = WORLD): void {
  agenda.add({ owner, actor: label, label, delayMs, slackMs: 10, run: () => {} });
}

describe('Agenda', () => {
  it('moves time only when nothing is due, to the next event', () => {
    const agenda = agendaOf(CALM);
    add(agenda, 'later', 500);
    add(agenda, 'now', 0);
    expect(agenda.take()?.label).toBe('now');
    expect(agenda.now).toBe(1_000);
    expect(agenda.take()?.label).toBe('later');
    expect(agenda.now).toBe(1_500);
    expect(agenda.take()).toBeNull();
  });

  it('jumps over due events only as far as their slack lets it', () => {
    for (let seed = 1; seed <= 50; seed += 1) {
      const agenda = agendaOf(RESTLESS, seed);
      for (const delayMs of [0, 3, 7, 9, 30, 31]) add(agenda, `at ${delayMs}`, delayMs);
      for (let event = agenda.take(); event !== null; event = agenda.take()) {
        expect(agenda.now).toBeGreaterThanOrEqual(event.readyAt);
        expect(agenda.now).toBeLessThanOrEqual(event.latest);
      }
    }
  });

  it('keeps the events of a paused owner until it goes on', () => {
    const owner = { name: 'p0', paused: true };
    const agenda = agendaOf(CALM);
    add(agenda, 'paused', 0, owner);
    add(agenda, 'other', 400);
    expect(agenda.take()?.label).toBe('other');
    expect(agenda.take()).toBeNull();
    owner.paused = false;
    expect(agenda.take()?.label).toBe('paused');
  });

  it('draws another order for another seed and the same for the same', () => {
    const order = (seed: number) => {
      const agenda = agendaOf({ ...RESTLESS, jumpChance: 0 }, seed);
      for (let i = 0; i < 8; i += 1) add(agenda, String(i), 0);
      return Array.from({ length: 8 }, () => agenda.take()?.label).join('');
    };
    expect(order(7)).toBe(order(7));
    expect(new Set([1, 2, 3, 4, 5].map(order)).size).toBeGreaterThan(1);
  });
});
