/**
 * Notices workflow code that starts timers or I/O outside a step, where the two checks of the coroutine are blind: a
 * callback that only sets a variable changes what the code does next without ever asking for an operation in the wrong
 * place. Node tells of each timer, request or file access at the moment it is made, so the stack names the user's line.
 *
 * It warns and harms nobody: such code may be innocent (a metric's flush timer). Meant for development and tests.
 */
import { createHook } from 'node:async_hooks';
import { isWindowOpen } from '../replay/drain.js';
import { captureSite } from '../replay/site.js';
import { currentCoroutine } from '../workflow/place.js';

/** What Node calls the things that a workflow body must not start. */
const FOREIGN: ReadonlySet<string> = new Set([
  'Timeout',
  'Immediate',
  'FSREQCALLBACK',
  'FSREQPROMISE',
  'FILEHANDLE',
  'TCPCONNECTWRAP',
  'PIPECONNECTWRAP',
  'GETADDRINFOREQWRAP',
  'QUERYWRAP',
  'HTTPCLIENTREQUEST',
  'UDPSENDWRAP',
  'PROCESSWRAP',
  'WORKER',
  'ZLIB',
  'HASHREQUEST',
  'RANDOMBYTESREQUEST',
  'PBKDF2REQUEST',
  'SCRYPTREQUEST',
]);

let users = 0;

const hook = createHook({
  init: (_asyncId, type) => {
    if (!FOREIGN.has(type)) return;
    // Ticks of other code may run while a window is open: only what the workflow's own code makes counts.
    const coroutine = currentCoroutine();
    if (coroutine !== undefined && isWindowOpen(coroutine))
      coroutine.noteForeign(type, captureSite());
  },
  // Promises are the kernel's own business, and watching each would cost more than the kernel does.
  trackPromises: false,
} as Parameters<typeof createHook>[0]);

/** Switches the guard on until the returned function is called. One guard serves all engines of the process. */
export function guardAgainstForeignCalls(): () => void {
  users += 1;
  if (users === 1) hook.enable();
  let on = true;
  return () => {
    if (!on) return;
    on = false;
    users -= 1;
    if (users === 0) hook.disable();
  };
}
