import type { EventEmitter2 } from '@nestjs/event-emitter';

/** On our listeners, so that they are known among the user's, by other copies of this package too. */
const OWN: unique symbol = Symbol.for('@dudousxd/nestjs-durable/event-listener');

/** A listener of this package. Being told of one message twice must do no harm. */
export type OwnListener<M> = ((message: M) => void) & { readonly [OWN]: true };

/** Marks a listener as ours. */
export function ownListener<M>(receive: (message: M) => void): OwnListener<M> {
  return Object.assign(receive, { [OWN]: true as const });
}

/**
 * Emits to everybody. A listener that throws, `onAny` included, keeps an emitter from going on to the next: then the
 * listeners of this package are told directly, some perhaps for the second time.
 *
 * @returns what a listener has thrown, if any
 */
export function safeEmit(
  emitter: EventEmitter2,
  event: string,
  message: object,
): { readonly thrown: unknown } | undefined {
  try {
    emitter.emit(event, message);
    return undefined;
  } catch (thrown) {
    for (const listener of [...emitter.listeners(event)]) {
      if (OWN in listener) listener(message);
    }
    return { thrown };
  }
}
