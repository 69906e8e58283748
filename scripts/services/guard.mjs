// Programs that end when this process ends, however it ends: a shell beside each waits for its own standard input to end.
import { spawn } from 'node:child_process';

/**
 * Sends the signal when the standard input ends; ends with the server when that ends by itself. Its id is in a file until
 * then, so that others see whether the server is there still.
 */
const GUARD = `
signal=$1 pid_file=$2; shift 2
echo $$ > "$pid_file"
exec 3<&0
"$@" 3<&- &
server=$!
{ read -r _; kill -s "$signal" "$server"; } <&3 &
reader=$!
wait "$server"; code=$?
echo ended > "$pid_file"
kill "$reader" 2>/dev/null
exit "$code"`;

/**
 * Starts a server that does not outlive this process, nor keeps it alive.
 *
 * @param {readonly string[]} command
 * @param {object} options
 * @param {string} options.signal what ends it
 * @param {string} [options.pidFile] for the id of a process that is there as long as the server; `ended` after that
 * @param {{ uid: number, gid: number }} [options.user]
 */
export function startGuarded(command, { signal, pidFile = '/dev/null', user }) {
  return startUntilInputEnds(['/bin/sh', '-c', GUARD, 'guard', signal, pidFile, ...command], user);
}

/** Starts a program that ends by itself when its standard input ends. */
export function startUntilInputEnds([program, ...args], user) {
  const child = spawn(program, args, { ...user, cwd: '/', detached: true, stdio: 'pipe' });
  let log = '';
  let hasEnded = false;
  const ended = new Promise((resolve) => {
    const end = () => {
      hasEnded = true;
      resolve();
    };
    child.on('exit', end).on('error', (error) => {
      log += error.message;
      end();
    });
  });
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text) => {
      log = (log + text).slice(-10_000);
    });
  }
  // It may have ended before.
  child.stdin.on('error', () => {});
  for (const handle of [child, child.stdin, child.stdout, child.stderr]) handle.unref?.();
  return {
    /** Of the guard, where there is one. */
    pid: child.pid,
    /** The last of what it wrote. */
    log: () => log,
    hasEnded: () => hasEnded,
    async stop() {
      child.ref();
      child.stdin.end();
      await ended;
    },
  };
}
