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

/** Whether the code that runs now is workflow code, or was called by it. */
export function isWorkflowCode(): boolean {
  return places.getStore() !== undefined;
}

/** Runs code that workflow code has led to, but that is no part of it. */
export function runOutside<T>(code: () => T): T {
  return places.exit(code);
}
