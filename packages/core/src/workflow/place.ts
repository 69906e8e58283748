/** Which run the code that runs now belongs to, and where in it. Carried along by Node through every await of the body. */
import { AsyncLocalStorage } from 'node:async_hooks';
import type { OperationGroup } from '../model/history.js';
import type { Coroutine } from '../replay/coroutine.js';

interface Place {
  readonly coroutine: Coroutine;
  readonly group: OperationGroup | null;
}

const places = new AsyncLocalStorage<Place>();

/** Runs workflow code as a part of its run: the body, or one branch of a region. */
export function runIn<T>(coroutine: Coroutine, group: OperationGroup | null, code: () => T): T {
  return places.run({ coroutine, group }, code);
}

/** The innermost region of the code that runs now, if it is this run's. */
export function groupOf(coroutine: Coroutine): OperationGroup | null {
  const place = places.getStore();
  return place?.coroutine === coroutine ? place.group : null;
}

/** The run that the code that runs now belongs to; undefined if it is no workflow code. */
export function currentCoroutine(): Coroutine | undefined {
  return places.getStore()?.coroutine;
}
