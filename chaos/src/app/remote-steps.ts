/** The contracts of remote steps, by who serves them. */
import { remoteStep } from '@dudousxd/nestjs-durable-core';
import { z } from 'zod';
import type { Site } from '../program/program.js';

const WORK = z.object({
  run: z.string(),
  key: z.string(),
  ms: z.number(),
  failures: z.number(),
});

/** As a local step's result; the key tells which operation it is of. */
const RESULT = z.object({ key: z.string(), attempt: z.number(), token: z.string() });

const contractOf = (site: Site) =>
  remoteStep({ name: `chaos.${site}`, input: WORK, output: RESULT });

export const REMOTE_STEPS = {
  any: contractOf('any'),
  node: contractOf('node'),
  python: contractOf('python'),
} as const satisfies Record<Site, unknown>;

/** What a remote step is asked for. */
export type RemoteWork = z.infer<typeof WORK>;
