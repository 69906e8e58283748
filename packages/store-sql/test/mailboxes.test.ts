import { matchSignals } from '@dudousxd/nestjs-durable-core';
import { describe, expect, test } from 'vitest';
import { change, type Script } from '../src/sql/script.js';
import { INSERT_SIGNAL, REGISTER_WAIT } from '../src/statements/signals.js';
import { Mailboxes } from '../src/store/mailboxes.js';
import { TestStore } from './support/test-store.js';

/** Repeatable numbers in [0, 1). */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

const NOW = 1_000_000;
const ref = { namespace: 'n', token: 't' };

interface Lines {
  readonly waits: readonly { runId: string; position: number; deadline: number | null }[];
  readonly payloads: readonly { id: string; acceptedAt: number }[];
}

/** Lines of up to 300 rows each, with deadlines among the times of acceptance. */
function randomLines(seed: number): Lines {
  const random = randomFrom(seed);
  const below = (n: number): number => Math.floor(random() * n);
  const sizes = [0, 1, 3, 15, 16, 17, 127, 128, 129, 300];
  const size = (): number => sizes[below(sizes.length)] ?? 0;
  const span = 1 + below(400);
  const impatient = random();
  let acceptedAt = 0;
  return {
    waits: Array.from({ length: size() }, (_, i) => ({
      runId: `r${i}`,
      position: 1,
      deadline: random() < impatient ? below(span) : null,
    })),
    payloads: Array.from({ length: size() }, (_, i) => {
      acceptedAt += below(3);
      return { id: `s${i}`, acceptedAt };
    }),
  };
}

function* insertLines({ waits, payloads }: Lines): Script<void> {
  yield* change(
    REGISTER_WAIT,
    waits.map(({ runId, position, deadline }, i) => [runId, 't', 'n', position, deadline, i + 1]),
  );
  yield* change(
    INSERT_SIGNAL,
    payloads.map(({ id, acceptedAt }) => ['n', 't', id, 0, acceptedAt, 2 * NOW, '']),
  );
}

function* matchInStore(): Script<readonly string[]> {
  const matchesOf = yield* new Mailboxes(NOW).matches([ref]);
  return matchesOf(ref).map(({ wait, payload }) => `${wait.runId} ${payload.id}`);
}

describe('mailboxes', () => {
  test('matches over parts of the lines are those over the whole lines', async () => {
    for (let seed = 1; seed <= 150; seed += 1) {
      const opened = await TestStore.open();
      const lines = randomLines(seed);
      await opened.executor.write(() => insertLines(lines));
      const expected = matchSignals(lines.waits, lines.payloads);
      expect(await opened.executor.read(matchInStore), `seed ${seed}`).toEqual(
        expected.map(({ wait, payload }) => `${wait.runId} ${payload.id}`),
      );
      await opened.store.close();
    }
  });
});
