/** One process of a fleet: an engine that is started and stopped when asked, and a closed loop on it. */
import { DurableEngine } from '@dudousxd/nestjs-durable-core';
import { readSettings, serve } from './child.js';
import type { DatabaseName } from './databases/database.js';
import { runOnce } from './measure.js';
import { openStore } from './orms/index.js';
import type { OpenStore } from './orms/orm.js';
import './workloads.js';

export interface MemberSettings {
  readonly database: DatabaseName;
  readonly orm: string;
  readonly address: string;
}

/** `loop` runs `inFlight` runs at a time until a time, and counts those that end between two times. */
export type MemberRequest =
  | { readonly do: 'start' }
  | { readonly do: 'stop' }
  | {
      readonly do: 'loop';
      readonly inFlight: number;
      readonly from: number;
      readonly until: number;
    };

/** Answer to `loop`: runs that ended in the time. */
export interface LoopResult {
  readonly ended: number;
}

/** Answer to `stop`: step bodies that this process has executed since `start`. */
export interface StopResult {
  readonly bodies: number;
}

export const FLEET_WORKFLOW = { name: 'counted', version: '1', steps: 5 };

const { database, orm, address } = readSettings<MemberSettings>();
let opened: OpenStore | undefined;
let engine: DurableEngine | undefined;
let bodies = 0;

serve<MemberRequest>((request) => {
  if (request.do === 'start') return start();
  return request.do === 'stop' ? stop() : loop(request);
});

async function start(): Promise<void> {
  opened = await openStore(orm, database, address);
  engine = new DurableEngine({ store: opened.store });
  bodies = 0;
  engine.registerWorkflow({
    ...FLEET_WORKFLOW,
    source: 'counted',
    run: async (ctx) => {
      for (let i = 0; i < FLEET_WORKFLOW.steps; i += 1) {
        await ctx.step('count', () => {
          bodies += 1;
        });
      }
    },
  });
  await engine.start();
}

async function stop(): Promise<StopResult> {
  await engine?.stop();
  await opened?.close();
  engine = undefined;
  opened = undefined;
  return { bodies };
}

async function loop({
  inFlight,
  from,
  until,
}: Extract<MemberRequest, { do: 'loop' }>): Promise<LoopResult> {
  const running = engine;
  if (running === undefined) throw new Error('not started');
  let ended = 0;
  const lane = async (): Promise<void> => {
    while (Date.now() < until) {
      await runOnce(running, FLEET_WORKFLOW.name, null);
      const now = Date.now();
      if (now >= from && now < until) ended += 1;
    }
  };
  await Promise.all(Array.from({ length: inFlight }, lane));
  return { ended };
}
