/** One chaos run from its seed to its verdict. */
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { StoreName } from './app/app-options.js';
import { Client } from './driver/client.js';
import type { FaultKind } from './driver/fault-log.js';
import { FaultRunner } from './driver/fault-runner.js';
import { Load, type LoadOptions } from './driver/load.js';
import { type FaultCounts, planFaults } from './driver/plan.js';
import { createRig, LEASE_MS, MAX_POLL_MS, type RemoteOptions, type Rig } from './driver/rig.js';
import { Watch } from './driver/watch.js';
import { callsOf, judgeCalls, judgeResults, stallsOf } from './oracle/calls.js';
import { collectEvidence, type Evidence } from './oracle/evidence.js';
import { judgeLogs } from './oracle/logs.js';
import { judgeOwnership, type Recovery, recoveryTimes } from './oracle/ownership.js';
import {
  judgeGlimpses,
  judgeHistories,
  judgeOutbox,
  judgeRuns,
  judgeSignals,
  judgeTimers,
} from './oracle/runs.js';
import { Random } from './program/random.js';

export interface ChaosOptions {
  readonly seed: number;
  readonly store: StoreName;
  readonly load: LoadOptions;
  readonly faults: FaultCounts;
  readonly cutRate: number;
  readonly wrongClocks: boolean;
  /** Steps are remote, most of them. @default none is */
  readonly remote?: RemoteOptions;
  /** How long after the last fault every run has to have ended. */
  readonly healMs: number;
  readonly say: (line: string) => void;
}

export interface ChaosReport {
  readonly seed: number;
  readonly violations: readonly string[];
  /** Why the run proves nothing; empty = it does. */
  readonly invalid: readonly string[];
  readonly runs: number;
  readonly runsByStatus: Readonly<Record<string, number>>;
  readonly signals: number;
  readonly stepCalls: number;
  readonly repeatedCalls: number;
  /** Attempts of remote steps that engines have dispatched again. */
  readonly redispatches: number;
  /** Answers that the driver has forged, and messages that it has sent once more. */
  readonly forged: number;
  readonly duplicated: number;
  /** Calls in workers that had begun, and never ended. */
  readonly brokenOff: number;
  readonly faults: Readonly<Partial<Record<FaultKind, number>>>;
  readonly takeOvers: number;
  readonly leasesLost: number;
  readonly staleWritesRefused: number;
  readonly staleWritesAccepted: number;
  readonly repeatedRequests: number;
  readonly answersByApp: readonly number[];
  /** The applications first, then the workers. */
  readonly stepCallsByApp: readonly number[];
  readonly recovery: Recovery;
  readonly latenessMs: readonly number[];
  readonly healedAfterMs: number;
  /** How long processes took to end after SIGTERM. */
  readonly shutdownMs: readonly number[];
  readonly looks: number;
  readonly logLines: ReadonlyMap<string, number>;
  /** Where the evidence is, if it was kept. */
  readonly folder: string;
}

const APPS = 3;
/** An application has to be given this much time for its runs to move on. */
const AFTERMATH_MS = LEASE_MS + 2 * MAX_POLL_MS + 5_000;
const STALL_MS = 1_000;
/** Locks of workers that were killed, and jobs that nobody asks for, have ended after this time. */
const DRAIN_MS = 60_000;
const SITES = ['any', 'node', 'python'] as const;
/** A shutdown waits for the database as long as a statement may take. */
const GRACE_MS = 60_000;

export async function runChaos(options: ChaosOptions): Promise<ChaosReport> {
  const { seed, say } = options;
  const random = new Random(seed);
  say(`seed ${seed}`);
  const rig = await createRig({ ...options, apps: APPS, random: random.fork('rig') });
  let isSound = false;
  try {
    const report = await new ChaosRun(options, rig, random).run();
    isSound = report.violations.length + report.invalid.length === 0;
    return report;
  } finally {
    await rig.dispose(!isSound);
  }
}

class ChaosRun {
  readonly #options: ChaosOptions;
  readonly #rig: Rig;
  readonly #random: Random;
  readonly #client: Client;
  readonly #load: Load;
  readonly #faults: FaultRunner;
  readonly #watch: Watch;
  #blocks = 0;

  constructor(options: ChaosOptions, rig: Rig, random: Random) {
    this.#options = options;
    this.#rig = rig;
    this.#random = random;
    const { remote } = options;
    this.#client = new Client(rig.apps, random.fork('client'));
    const sites = remote ? SITES.filter((site) => site !== 'python' || remote.python) : [];
    this.#load = new Load({ sites, ...options.load }, this.#client, random.fork('load'));
    this.#watch = new Watch(rig.database);
    this.#faults = new FaultRunner({
      ...{ victims: rig.victims, leaseMs: LEASE_MS, graceMs: GRACE_MS, log: rig.faults },
      random: random.fork('faults'),
      crashDatabase: () => rig.crashDatabase(),
      restartDatabase: () => rig.restartDatabase(),
      redis: rig.redis?.faults,
      terminateBackends: () => rig.database.terminateBackends(),
      block: (app, ms) => this.#block(app.index, ms),
    });
  }

  async run(): Promise<ChaosReport> {
    const { load, faults, say } = this.#options;
    // The last fault begins well before the end of the load.
    const plan = planFaults(faults, load.durationMs * 0.85, this.#random.fork('plan'));
    say(`${plan.length} faults planned in ${load.durationMs / 1_000} s of load`);
    const progress = setInterval(() => say(this.#progress()), 10_000);
    this.#watch.start();
    const allFaults = this.#faults.run(plan);
    await Promise.all([this.#load.run(allFaults), allFaults]);
    const healMs = await this.#heal();
    clearInterval(progress);
    await this.#watch.stop();
    return this.#judge(healMs);
  }

  #progress(): string {
    const { started, sent } = this.#load;
    const hit = this.#countFaults();
    const count = (...kinds: FaultKind[]) => kinds.reduce((sum, kind) => sum + (hit[kind] ?? 0), 0);
    const kills = count('kill', 'workerKill');
    const pauses = count('pause', 'workerPause');
    const restarts = count('database', 'redis', 'redisLoss');
    return `${started.length} runs and ${sent.length} signals acknowledged; ${kills} kills, ${pauses} pauses, ${restarts} restarts`;
  }

  #countFaults(): Partial<Record<FaultKind, number>> {
    const groups = Map.groupBy(this.#rig.faults.faults, ({ kind }) => kind);
    return Object.fromEntries([...groups].map(([kind, { length }]) => [kind, length]));
  }

  /** A run whose step blocks the process that starts it, which is the one that executes it first. */
  async #block(app: number, ms: number): Promise<void> {
    this.#blocks += 1;
    const victim = this.#rig.apps[app];
    if (!victim) return;
    const client = new Client([victim], this.#random.fork(`block ${this.#blocks}`));
    const program = { operations: [{ op: 'block', key: '0', ms } as const], fails: false };
    const runId = `block${this.#blocks}`;
    const { status } = await client.post(`runs/${runId}`, program);
    if (status === 201) this.#load.started.push({ runId, program, isCancelled: false });
    await delay(ms);
  }

  /** No more faults. Answers how long it took until every run had ended. */
  async #heal(): Promise<number> {
    for (const proxy of this.#rig.victims.flatMap(({ proxies }) => proxies)) {
      proxy.stopCutting();
      proxy.heal();
    }
    const { healMs, say } = this.#options;
    const startedAt = performance.now();
    const left = await this.#rig.database.whenFinished(healMs);
    const tookMs = Math.round(performance.now() - startedAt);
    say(`healed: ${left.length} runs left after ${tookMs} ms`);
    this.#watch.violations.push(...left.slice(0, 20).map((run) => `I2: ${run}`));
    const rest = (await this.#rig.redis?.broker.whenDrained(DRAIN_MS)) ?? [];
    this.#watch.violations.push(...rest.map((what) => `I11: in Redis at the end: ${what}`));
    for (const { app } of this.#rig.victims) {
      const ending = await app.terminate();
      if (ending?.code !== 0 && ending?.signal !== 'SIGTERM') {
        this.#watch.violations.push(`${app.name} does not stop: ${JSON.stringify(ending)}`);
      }
    }
    const findings = await this.#rig.database.examine(600_000);
    for (const { invariant, runId, what } of findings) {
      this.#watch.violations.push(`${invariant}: at the end, run ${runId}: ${what}`);
    }
    return tookMs;
  }

  async #judge(healedAfterMs: number): Promise<ChaosReport> {
    const { ledger, folder, victims, apps, redis, deaths, faults } = this.#rig;
    const { started, sent, refused } = this.#load;
    const evidence = await this.#rig.database.use((client) =>
      collectEvidence(client, { ledger, started, sent }),
    );
    const calls = callsOf(evidence.ledger);
    const stalls = stallsOf(evidence.ledger, STALL_MS);
    const callsVerdict = judgeCalls(calls, {
      faults: [...faults.faults, ...stalls],
      workersFrom: apps.length,
      aftermathMs: AFTERMATH_MS,
    });
    const ownership = judgeOwnership(evidence.audit);
    const timers = judgeTimers(evidence);
    const logs = judgeLogs(victims.map(({ app }) => join(folder, `app-${app.index}.log`)));
    const stepCallsByApp = victims.map(
      ({ app }) => calls.filter((call) => call.app === app.index).length,
    );
    return {
      seed: this.#options.seed,
      violations: [
        ...new Set(this.#watch.violations),
        ...deaths,
        ...refused,
        ...this.#faults.problems,
        ...judgeRuns(evidence),
        ...judgeOutbox(evidence),
        ...judgeHistories(evidence),
        ...judgeGlimpses(evidence, this.#watch.glimpses),
        ...judgeSignals(evidence),
        ...judgeResults(evidence, calls),
        ...callsVerdict.violations,
        ...ownership.violations,
        ...timers.violations,
        ...logs.violations,
      ],
      invalid: this.#invalid(stepCallsByApp),
      runs: evidence.runs.size,
      runsByStatus: countBy([...evidence.runs.values()].map(({ status }) => status)),
      signals: sent.length,
      stepCalls: callsVerdict.calls,
      repeatedCalls: callsVerdict.repeats,
      redispatches: evidence.redispatches,
      forged: redis?.broker.forged ?? 0,
      duplicated: redis?.broker.duplicated ?? 0,
      brokenOff: calls.filter(({ app, to }) => app >= apps.length && to === undefined).length,
      faults: this.#countFaults(),
      takeOvers: ownership.takeOvers,
      leasesLost: leasesLost(evidence),
      staleWritesRefused: refusedTurns(evidence),
      staleWritesAccepted: ownership.staleWrites,
      repeatedRequests: this.#client.repeats,
      answersByApp: this.#client.answers,
      stepCallsByApp,
      recovery: recoveryTimes(evidence.audit, this.#kills(evidence)),
      latenessMs: timers.lateness,
      healedAfterMs,
      shutdownMs: this.#faults.shutdownMs.toSorted((a, b) => a - b),
      looks: this.#watch.looks,
      logLines: logs.kinds,
      folder,
    };
  }

  #invalid(stepCallsByApp: readonly number[]): readonly string[] {
    const invalid: string[] = [];
    const { faults } = this.#options;
    for (const [kind, count] of Object.entries(faults)) {
      const hit = this.#rig.faults.count(kind as FaultKind);
      if (hit < count) invalid.push(`${hit} of ${count} faults of the kind '${kind}' hit`);
    }
    if (this.#options.cutRate > 0 && this.#rig.faults.count('cut') === 0) {
      invalid.push('no reply of a commit was cut off');
    }
    const { lastEnd } = this.#rig.faults;
    if (this.#load.endedAt < lastEnd) {
      const ms = Math.round(lastEnd - this.#load.endedAt);
      invalid.push(`the load had ended ${ms} ms before the last fault`);
    }
    stepCallsByApp.forEach((calls, app) => {
      const isSilent = calls === 0 || this.#client.answers[app] === 0;
      if (isSilent) invalid.push(`${this.#rig.victims[app]?.app.name} had no traffic`);
    });
    const { broker } = this.#rig.redis ?? {};
    if (faults.forge > 0 && broker?.forged === 0) invalid.push('no answer was forged');
    if (faults.duplicate > 0 && broker?.duplicated === 0) invalid.push('no message came twice');
    if (this.#watch.looks === 0) invalid.push('the doctor never saw the database');
    return invalid;
  }

  #kills({ ledger }: Evidence) {
    const kills = this.#rig.faults.faults.filter(({ kind }) => kind === 'kill');
    return kills.map(({ from, pid }) => {
      const own = ledger.filter((entry) => entry.pid === pid);
      const workers = own.flatMap((entry) => (entry.what === 'worker' ? [entry.worker] : []));
      return { at: from, workers: new Set(workers) };
    });
  }
}

function countBy(keys: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const key of keys) counts[key] = (counts[key] ?? 0) + 1;
  return counts;
}

function refusedTurns({ ledger }: Evidence): number {
  return ledger.reduce((sum, entry) => sum + (entry.what === 'fenced' ? entry.runs.length : 0), 0);
}

/** Worker ids that a process took after its first. */
function leasesLost({ ledger }: Evidence): number {
  const workers = ledger.filter(({ what }) => what === 'worker');
  return workers.length - new Set(workers.map(({ pid }) => pid)).size;
}
