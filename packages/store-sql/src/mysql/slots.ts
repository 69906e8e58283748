import { createHash } from 'node:crypto';

/** How many rows `durable_locks` has at most. Names that share one wait for each other, and no more. */
const SLOTS = 2 ** 18;

/** The slots of names, without repetition, in the order in which they have to be locked. */
export function slotsOf(names: readonly (readonly unknown[])[]): readonly number[] {
  return [...new Set(names.map(slotOf))].sort((a, b) => a - b);
}

function slotOf(name: readonly unknown[]): number {
  return createHash('sha256').update(JSON.stringify(name)).digest().readUInt32BE(0) % SLOTS;
}
