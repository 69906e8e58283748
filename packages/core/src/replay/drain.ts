/**
 * The window: the one place where outcomes reach workflow code.
 *
 * D1. One window at a time in the whole process, so a promise that leaks from one run to another is noticed.
 * D2. Before a window opens and before it shuts, the microtask queue is drained completely. Whatever the code does in
 *     answer to one outcome happens inside that outcome's window (T7).
 * D3. No other macrotask can run inside a window: a drain is a microtask that asks for a `nextTick`, and Node empties
 *     the microtask queue before the next tick and both before the event loop turns. Ticks of other code may; workflow
 *     code does not wait for those, and if it does, its next operation comes outside its window.
 *
 * A process that only opens windows would starve the event loop, so every 1,000 windows one `setImmediate` goes between.
 */

import { inRootContext } from '../runtime/root-context.js';
import { testHooks } from './test-hooks.js';

// Fake timers replace the globals; the kernel keeps the real ones.
const nextTick = process.nextTick.bind(process);
const immediate = setImmediate;
const microtask = queueMicrotask;

const WINDOWS_PER_YIELD = 1_000;

/** One window: `open` settles exactly one outcome, `shut` looks at what the code did in answer. */
export interface Window {
  readonly owner: object;
  open(): void;
  shut(): void;
}

let queue: Window[] = [];
let head = 0;
let pumping = false;
let openOwner: object | null = null;
let windowsSinceYield = 0;
let idleListeners: (() => void)[] = [];

/** Queues a window; windows open in the order in which they were queued. */
export function enqueueWindow(window: Window): void {
  queue.push(window);
  if (!pumping) {
    pumping = true;
    inRootContext(() => drain(openNext));
  }
}

/** Whether code that runs now runs inside a window of `owner`. */
export function isWindowOpen(owner: object): boolean {
  return openOwner === owner;
}

/** Whether no window is open or queued. */
export function isIdle(): boolean {
  return !pumping;
}

/** Resolves when no window is open or queued. */
export function whenIdle(): Promise<void> {
  if (!pumping) return Promise.resolve();
  return new Promise((resolve) => idleListeners.push(resolve));
}

function drain(then: () => void): void {
  if (testHooks.skipDrain) microtask(then);
  else microtask(() => nextTick(then));
}

function openNext(): void {
  const window = queue[head];
  if (window === undefined) {
    becomeIdle();
    return;
  }
  head += 1;
  openOwner = window.owner;
  window.open();
  drain(() => shut(window));
}

function shut(window: Window): void {
  openOwner = null;
  window.shut();
  compact();
  windowsSinceYield += 1;
  if (windowsSinceYield < WINDOWS_PER_YIELD) {
    drain(openNext);
    return;
  }
  windowsSinceYield = 0;
  immediate(() => drain(openNext));
}

function compact(): void {
  if (head === queue.length) {
    queue = [];
    head = 0;
  } else if (head > 4_096) {
    queue = queue.slice(head);
    head = 0;
  }
}

function becomeIdle(): void {
  pumping = false;
  windowsSinceYield = 0;
  const listeners = idleListeners;
  idleListeners = [];
  for (const listener of listeners) listener();
}
