/** Every place of a fault-free run at which the process can be killed, and the body that this makes run again. */
import type { ScenarioName } from './scenarios.js';

/** A place to be killed at. */
export interface Place {
  readonly at: string;
  /** The body whose outcome is lost, as `step/attempt`: nothing else may run again. */
  readonly repeats: string | null;
}

function place(at: string, repeats: string | null = null): Place {
  return { at, repeats };
}

/** Around a call whose loss makes `body` run again. */
function around(call: string, body: string | null = null): readonly Place[] {
  return [
    place(`before ${call}`, body),
    place(`inside ${call}`, body),
    place(`after ${call}`),
    place(`acked ${call}`),
  ];
}

/** In the middle of a local step, and around the commit of its outcome. */
function step(name: string, commit = `commit [${name}]`): readonly Place[] {
  const body = `${name}/1`;
  return [place(`in ${name}`, body), ...around(commit, body)];
}

export const places: Readonly<Record<ScenarioName, readonly Place[]>> = {
  order: [
    ...around('start'),
    ...step('reserve'),
    ...step('charge', 'commit [charge, sleep scheduled, suspended]'),
    place('after claim'),
    ...around('commit [sleep]'),
    ...step('pack'),
    ...step('label', 'commit [label, approve:o-1 scheduled, suspended]'),
    ...around('signal'),
    place('after claim #2'),
    ...around('commit [approve:o-1]'),
    ...step('ship'),
    ...step('notify', 'commit [notify, settled]'),
  ],
  payment: [
    ...around('start'),
    ...step('authorize', 'commit [authorize attemptFailed, suspended]'),
    place('after claim'),
    place('in authorize #2', 'authorize/2'),
    ...around('commit [authorize, capture scheduled]', 'authorize/2'),
    place('after takeTasks'),
    ...step('capture'),
    ...step('receipt', 'commit [receipt, settled]'),
  ],
  slowPayment: [
    ...around('start'),
    ...around('commit [capture scheduled]'),
    place('after takeTasks'),
    place('in capture', 'capture/1'),
    // Its body is under way all the time.
    ...around('commit [suspended]').map(({ at }) => place(at, 'capture/1')),
    place('before completeTasks', 'capture/1'),
    place('inside completeTasks', 'capture/1'),
    place('after completeTasks'),
    place('after claim'),
    ...around('commit [capture]'),
    ...step('receipt', 'commit [receipt, settled]'),
  ],
};

/** The history that every run of the scenario ends with, wherever it was killed. */
export const histories: Readonly<Record<ScenarioName, readonly string[]>> = {
  order: [
    'reserve/1 completed',
    'charge/1 completed',
    'sleep/1 scheduled',
    'sleep/1 completed',
    'pack/1 completed',
    'label/1 completed',
    'approve:o-1/1 scheduled',
    'approve:o-1/1 completed',
    'ship/1 completed',
    'notify/1 completed',
  ],
  payment: [
    'authorize/1 attemptFailed',
    'authorize/2 completed',
    'capture/1 scheduled',
    'capture/1 completed',
    'receipt/1 completed',
  ],
  slowPayment: ['capture/1 scheduled', 'capture/1 completed', 'receipt/1 completed'],
};

/** The bodies of a fault-free run, in order, as `step/attempt`. */
export const bodies: Readonly<Record<ScenarioName, readonly string[]>> = {
  order: ['reserve/1', 'charge/1', 'pack/1', 'label/1', 'ship/1', 'notify/1'],
  payment: ['authorize/1', 'authorize/2', 'capture/1', 'receipt/1'],
  slowPayment: ['capture/1', 'receipt/1'],
};
