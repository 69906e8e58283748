/**
 * A helper of the user's in a workflow may reject before anybody awaits it, as in `const a = f(ctx); await g(ctx); await a`.
 * Node would end the process, the run would be taken over, and the next process would end, too (trap B29). Within
 * workflow code such a rejection is no fault: the body meets it when it awaits it, on every replay.
 *
 * Rejections from anywhere else end the process as they would without this listener.
 */
import { currentCoroutine } from '../workflow/place.js';

let users = 0;

function onUnhandled(reason: unknown): void {
  if (currentCoroutine() !== undefined) return;
  // Node's own default does not apply once there is a listener; any other listener decides for itself.
  if (process.listenerCount('unhandledRejection') === 1) throw reason;
}

/** Lets workflow code reject early until the returned function is called. One listener serves all engines. */
export function tolerateEarlyRejections(): () => void {
  users += 1;
  if (users === 1) process.on('unhandledRejection', onUnhandled);
  let on = true;
  return () => {
    if (!on) return;
    on = false;
    users -= 1;
    if (users === 0) process.off('unhandledRejection', onUnhandled);
  };
}
