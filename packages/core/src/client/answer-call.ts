import type { Codec } from '../codec/codec.js';
import type { DurableClient } from '../engine-types.js';
import { defined } from '../model/defined.js';
import type { ClientCall } from '../transport/remote-workflows.js';

/** Does what a process without a database asks for; resolves to the answer, encoded, when it is durable. */
export async function answerCall(
  call: ClientCall,
  client: Pick<DurableClient, 'startRun' | 'signal'>,
  codec: Codec,
): Promise<string> {
  if (call.method === 'signal') {
    const { token, id, payload } = call;
    return codec.encode(await client.signal(token, codec.decode(payload), { id }));
  }
  const { workflow, input, runId, version, tags, priority } = call;
  const options = { runId, ...defined({ version, tags, priority }) };
  const { created } = await client.startRun(workflow, codec.decode(input), options);
  return codec.encode({ runId, created });
}
