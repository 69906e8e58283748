/** The element that a pick stands for. */
export function choose<T>(items: readonly T[], pick: number): T {
  const item = items[pick % Math.max(1, items.length)];
  if (item === undefined) throw new Error('nothing to choose from');
  return item;
}
