import type { SettingFinding } from '@dudousxd/nestjs-durable-core';
import type { PostgresLink } from './link.js';
import type { PostgresHints } from './postgres-hints.js';

const MIN_CONNECTIONS = 2;

const POLLS =
  'What other processes start, signal or hand back is found by polling alone (worker.maxPoll).';

/** What there is to object to in the pool and in the way of hints. */
export async function connectionFindings(
  link: PostgresLink,
  hints: PostgresHints | null,
): Promise<readonly SettingFinding[]> {
  return [...poolFindings(link), ...(await hintFindings(hints))];
}

function poolFindings({ maxConnections }: PostgresLink): readonly SettingFinding[] {
  if (maxConnections === null || maxConnections >= MIN_CONNECTIONS) return [];
  return [
    {
      setting: 'pool max',
      value: String(maxConnections),
      wanted: `${MIN_CONNECTIONS} or more`,
      why: 'While the application holds the only connection, no run goes on.',
      how: `Make the pool with max: ${MIN_CONNECTIONS} or more, beyond what the application itself holds at a time; 10 is a good start.`,
    },
  ];
}

async function hintFindings(hints: PostgresHints | null): Promise<readonly SettingFinding[]> {
  if (hints === null)
    return [noListen('the driver does not show how to connect', "Pass a Pool of 'pg'.")];
  const failure = await hints.failure();
  if (failure !== null) {
    const reason = failure instanceof Error ? failure.message : String(failure);
    return [
      noListen(
        reason,
        'Leave room for one more connection per process: max_connections, limits of role and database.',
      ),
    ];
  }
  if (!hints.hasPooler) return [];
  return [
    noListen(
      'there is a pooler between this process and the server',
      'Give the store a pool that connects to the server itself; other parts of the application may use the pooler.',
    ),
  ];
}

function noListen(reason: string, how: string): SettingFinding {
  return {
    setting: 'LISTEN',
    value: `not possible: ${reason}`,
    wanted: 'possible',
    why: POLLS,
    how,
  };
}
