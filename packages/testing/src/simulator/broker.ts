/**
 * The transport between processes: carries attempts to any process that serves them and results to any engine. It
 * delays and reorders always, and loses, repeats and forges when its faults are on.
 */
import {
  type DispatchOutcome,
  type RemoteTask,
  type StepHandler,
  StepWorker,
  type TaskHeartbeat,
  type TaskResult,
  type Transport,
  type TransportHost,
  type TransportSink,
} from '@dudousxd/nestjs-durable-core';
import type { Agenda, EventOwner } from './agenda.js';
import type { FaultPlan } from './faults.js';
import { hash32, hashUnit } from './random.js';

export interface BrokerOptions {
  readonly seed: number;
  readonly agenda: Agenda;
  readonly plan: FaultPlan;
  readonly owner: EventOwner;
  readonly log: (who: string, text: string) => void;
}

/** One process's end. */
interface Station {
  readonly owner: EventOwner;
  sink: TransportSink | null;
  worker: StepWorker | null;
  closed: boolean;
  /** Results that this engine has been given and has not answered for yet. */
  readonly unanswered: Set<(error: Error) => void>;
}

interface Handover {
  readonly result: TaskResult;
  readonly taken: () => void;
  readonly refused: (error: unknown) => void;
}

const SPREAD_MS = 12;

export class Broker {
  private readonly options: BrokerOptions;
  private readonly stations: Station[] = [];
  private messages = 0;

  constructor(options: BrokerOptions) {
    this.options = options;
  }

  /** A transport for one life of a process. */
  connect(owner: EventOwner): Transport {
    const station: Station = {
      owner,
      sink: null,
      worker: null,
      closed: false,
      unanswered: new Set(),
    };
    this.stations.push(station);
    return {
      name: 'simulated',
      reach: 'network',
      bind: async (sink) => {
        station.sink = sink;
      },
      serve: async (handlers: readonly StepHandler[], worker: string, host: TransportHost) => {
        station.worker = new StepWorker({ handlers, worker, host });
      },
      dispatch: (tasks) => this.dispatch(station, tasks),
      cancel: async (taskIds, reason) => {
        for (const other of this.stations)
          this.post(`cancel ${taskIds.length}`, () => other.worker?.cancel(taskIds, reason));
      },
      close: async (timeoutMs) => {
        await station.worker?.close(timeoutMs);
        this.leave(station);
      },
    };
  }

  /** The process has died. What it was handed and did not answer for goes to another. */
  disconnect(owner: EventOwner): void {
    for (const station of this.stations.filter((one) => one.owner === owner)) this.leave(station);
  }

  private leave(station: Station): void {
    station.closed = true;
    const at = this.stations.indexOf(station);
    if (at >= 0) this.stations.splice(at, 1);
    for (const refuse of [...station.unanswered])
      refuse(new Error('the process that took the result is gone'));
    station.unanswered.clear();
  }

  private dispatch(
    from: Station,
    tasks: readonly RemoteTask[],
  ): Promise<readonly DispatchOutcome[]> {
    const served = this.stations.some((station) => station.worker !== null && !station.closed);
    if (served) for (const task of tasks) this.sendTask(from, task);
    const outcome: DispatchOutcome = served ? 'dispatched' : 'unserved';
    return new Promise((resolve) => {
      this.options.agenda.add({
        owner: from.owner,
        actor: `${from.owner.name}.dispatch`,
        label: 'dispatched',
        run: () => resolve(tasks.map(() => outcome)),
      });
    });
  }

  private sendTask(from: Station, task: RemoteTask): void {
    const label = `task ${task.runId}/${task.position}#${task.attempt}`;
    const arrive = (salt: number) => {
      const station = this.pick((one) => one.worker !== null, salt);
      if (station === undefined) return;
      // The process is stopped: the message waits for it.
      const run = () => {
        const sink = this.sinkOf(station);
        if (!station.closed) station.worker?.take(task, sink);
      };
      this.options.agenda.add({
        owner: station.owner,
        actor: `${station.owner.name}.task`,
        label,
        run,
      });
    };
    const direct = hashUnit(this.options.seed, 'direct', this.messages) < 0.15;
    if (direct && from.worker !== null && !from.closed) {
      this.messages += 1;
      from.worker.take(task, this.sinkOf(from));
      return;
    }
    this.transmit(label, arrive, () => undefined);
  }

  private sinkOf(station: Station): TransportSink {
    return {
      result: (result) =>
        new Promise((taken, refused) => this.sendResult(station, { result, taken, refused })),
      heartbeat: (beat) => this.sendHeartbeat(station, beat),
    };
  }

  private sendResult(from: Station, handover: Handover): void {
    const { result } = handover;
    const label = `result ${result.taskId.slice(-6)}#${result.result.attempt} ${result.result.ok ? 'ok' : 'failed'}`;
    const arrive = (salt: number, forged: boolean) => {
      const station = this.pick((one) => one.sink !== null, salt, from);
      if (station === undefined) {
        if (!from.closed) handover.refused(new Error('no engine is there'));
        return;
      }
      const token = forged
        ? result.token.replace(/^./, (c) => (c === '0' ? '1' : '0'))
        : result.token;
      const text = forged ? `forged ${label}` : label;
      // Nobody is there any more to be told, or there was nobody in the first place.
      const tell = (then: () => void) => (forged || from.closed ? undefined : then());
      const answers = {
        taken: () => tell(handover.taken),
        refused: (error: unknown) => tell(() => handover.refused(error)),
      };
      const run = () => this.handTo(station, { ...answers, result: { ...result, token } });
      this.options.agenda.add({
        owner: station.owner,
        actor: `${station.owner.name}.result`,
        label: text,
        run,
      });
    };
    this.transmit(label, arrive, () => handover.taken());
  }

  private handTo(station: Station, { result, taken, refused }: Handover): void {
    if (station.closed || station.sink === null) {
      refused(new Error('the engine has closed its transport'));
      return;
    }
    const refuse = (error: unknown) => {
      station.unanswered.delete(refuse);
      refused(error);
    };
    station.unanswered.add(refuse);
    station.sink.result(result).then(() => {
      station.unanswered.delete(refuse);
      taken();
    }, refuse);
  }

  private sendHeartbeat(from: Station, beat: TaskHeartbeat): void {
    this.transmit(
      `beat ${beat.taskId.slice(-6)}`,
      (salt) => this.pick((one) => one.sink !== null, salt, from)?.sink?.heartbeat(beat),
      () => undefined,
    );
  }

  /** Sends one message on its way: `arrive` is called for each copy that gets through, `lost` if none does. */
  private transmit(
    label: string,
    arrive: (salt: number, forged: boolean) => void,
    lost: () => void,
  ): void {
    const { plan, agenda, log } = this.options;
    this.messages += 1;
    const message = this.messages;
    const delay = (copy: number) =>
      Math.floor(hashUnit(this.options.seed, 'transit', message, copy) ** 2 * SPREAD_MS);
    const copy = (index: number, extraMs: number, forged = false) =>
      this.post(label, () => arrive(hash32(message, index), forged), delay(index) + extraMs);
    const fault = plan.transportFault(message);
    if (fault !== null) {
      plan.record({
        id: fault.id,
        at: agenda.now,
        instance: null,
        text: `${fault.kind}: ${label}`,
      });
      log('broker', `FAULT ${fault.kind} ${label}`);
    }
    switch (fault?.kind) {
      case 'drop':
        lost();
        return;
      case 'duplicate':
        for (let i = 0; i <= fault.copies; i += 1) copy(i, i * 30);
        return;
      case 'late':
        copy(0, fault.lateMs);
        return;
      case 'forge':
        copy(1, 0, true);
        copy(0, SPREAD_MS);
        return;
      default:
        copy(0, 0);
        return;
    }
  }

  private post(label: string, run: () => void, delayMs = 0): void {
    this.options.agenda.add({ owner: this.options.owner, actor: 'broker', label, delayMs, run });
  }

  private pick(
    fits: (station: Station) => boolean,
    salt: number,
    home?: Station,
  ): Station | undefined {
    const open = this.stations.filter((station) => !station.closed && fits(station));
    const athome = home !== undefined && open.includes(home) && (salt & 3) !== 0;
    return athome ? home : open[salt % Math.max(1, open.length)];
  }
}
