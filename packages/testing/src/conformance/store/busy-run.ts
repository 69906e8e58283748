import type { RunRecord, Turn } from '@dudousxd/nestjs-durable-core';
import type { StoreBench } from './bench.js';
import { buildEvent, buildTask } from './build.js';

/** A run that a turn can do everything to: something in its inbox, a signal at its wait, a child and a task. */
export async function busyRun(bench: StoreBench): Promise<{ run: RunRecord; rich: Partial<Turn> }> {
  const run = await bench.start('w1');
  const parent = { runId: run.id, branch: 0, position: 2, closePolicy: 'terminate' } as const;
  await bench.commit(run, {
    events: [buildEvent(1)],
    waits: [{ token: 'approval', position: 1, deadline: null }],
    tasks: [buildTask(run, 'task-1')],
    children: [bench.newRun({ id: 'child-1', parent })],
  });
  await bench.sendCancel(run.id);
  await bench.signal('approval', { id: 's1' });
  const inbox = (await bench.receive(run.id)).filter((arrival) => arrival.type === 'inbox');
  const body = { kind: 'cancel', reason: null } as const;
  return {
    run,
    rich: {
      events: [buildEvent(2)],
      consumedInbox: inbox.map((arrival) => arrival.messageId),
      consumedSignals: [{ token: 'approval', messageId: 's1', position: 1 }],
      waits: [{ token: 'other', position: 3, deadline: null }],
      tasks: [buildTask(run, 'task-2', { position: 4 })],
      endedTasks: ['task-1'],
      children: [bench.newRun({ id: 'child-2', parent: { ...parent, position: 5 } })],
      messages: [{ runId: 'child-1', branch: null, key: 'cancel', body }],
    },
  };
}
