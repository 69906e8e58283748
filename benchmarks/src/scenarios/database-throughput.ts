import { closedLoop, median, runOnce } from '../measure.js';
import { type Figure, judged } from '../report.js';
import { type DatabaseBench, STEPS } from './database-bench.js';

const LEVELS = [64, 256] as const;
/** Turns that a statement can write at most. */
const MAX_BATCH = 1_000;
/** The level at which statements are counted. */
const COUNTED_LEVEL = 64;

interface Round {
  readonly inFlight: number;
  readonly rawMs: number;
  readonly engineMs: number;
  readonly statements: number;
}

/** Closed loops of five-step runs at both levels, the engine's and the raw driver's in turn. */
export async function throughputOf(bench: DatabaseBench): Promise<readonly Figure[]> {
  const rounds = bench.quick ? 2 : 5;
  const perLane = bench.quick ? 8 : 32;
  const measured: Round[] = [];
  for (let round = -1; round < rounds; round += 1) {
    for (const inFlight of LEVELS) {
      const result = await measure(bench, { inFlight, total: inFlight * perLane, round });
      if (round >= 0) measured.push(result);
    }
  }
  return LEVELS.flatMap((inFlight) => {
    const total = inFlight * perLane;
    const method =
      `${rounds} rounds after a warm-up, median; ${total} runs x ${STEPS} steps, ${inFlight} in flight, ` +
      'in turn with the raw loop';
    const own = measured.filter((round) => round.inFlight === inFlight);
    return figuresOf(bench, { inFlight, total, method, rounds: own });
  });
}

async function measure(
  { engine, raw, database }: DatabaseBench,
  { inFlight, total, round }: { inFlight: number; total: number; round: number },
): Promise<Round> {
  const rawLoop = () => closedLoop(total, inFlight, () => raw.run());
  const engineLoop = () => closedLoop(total, inFlight, () => runOnce(engine, 'sequential', STEPS));
  // Who comes second finds larger tables: they take turns.
  const isRawFirst = round % 2 === 0;
  const before = isRawFirst ? await rawLoop() : undefined;
  const sent = (await database.statements?.()) ?? 0;
  const engineMs = await engineLoop();
  const statements = ((await database.statements?.()) ?? 0) - sent;
  if (database.statements !== null && statements < (total * STEPS) / MAX_BATCH) {
    throw new Error(`${statements} statements for ${total} runs: the counter does not see all`);
  }
  const rawMs = before ?? (await rawLoop());
  return { inFlight, rawMs, engineMs, statements };
}

interface Level {
  readonly inFlight: number;
  readonly total: number;
  readonly method: string;
  readonly rounds: readonly Round[];
}

function figuresOf(
  { title, goals, database }: DatabaseBench,
  { inFlight, total, method, rounds }: Level,
): readonly Figure[] {
  const at = `${title}, ${inFlight} in flight`;
  const runs = median(rounds.map(({ engineMs }) => (total * 1_000) / engineMs));
  const rawRuns = median(rounds.map(({ rawMs }) => (total * 1_000) / rawMs));
  const share = median(rounds.map(({ rawMs, engineMs }) => rawMs / engineMs));
  const figures: Figure[] = [
    judged({ name: `${at}`, value: runs, unit: 'runs/s', method }, goals.runsPerSecond[inFlight]),
    { name: `${at}: steps`, value: runs * STEPS, unit: 'steps/s', method },
    { name: `${at}: raw loop`, value: rawRuns, unit: 'runs/s', method },
    judged(
      {
        name: `${at}: engine / raw loop`,
        value: share,
        unit: '',
        method: `${method}; median of the ratio of each round`,
      },
      goals.shareOfRaw,
    ),
  ];
  if (database.statements !== null && inFlight === COUNTED_LEVEL) {
    const perStep = median(rounds.map(({ statements }) => statements / (total * STEPS)));
    const counted = `${method}; every statement that the server answered, BEGIN, COMMIT, SET and idle polls included`;
    figures.push(
      judged(
        { name: `${at}: statements per step`, value: perStep, unit: '', method: counted },
        goals.statementsPerStep,
      ),
    );
  }
  return figures;
}
