/** A wrong clock: the wall clock of this whole process is off, as on a machine whose clock nobody sets. */
export function shiftClock(offsetMs: number): void {
  if (offsetMs === 0) return;
  const Real = Date;
  const now = (): number => Real.now() + offsetMs;
  const Shifted = new Proxy(Real, {
    construct: (target, args: unknown[], newTarget) =>
      Reflect.construct(target, args.length === 0 ? [now()] : args, newTarget),
    apply: () => new Real(now()).toString(),
    get: (target, key, receiver) => (key === 'now' ? now : Reflect.get(target, key, receiver)),
  });
  globalThis.Date = Shifted;
}
