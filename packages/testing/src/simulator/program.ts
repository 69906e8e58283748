/**
 * Programs: the random workflows of the simulator, as data. One interpreter runs them on the engine, another on the
 * reference kernel, and the shrinker cuts pieces out of them.
 */

/** How the attempts of a step end. All of it depends on the attempt's number only, never on how often a body ran. */
export type Behaviour =
  /** Returns at the first attempt. */
  | 'ok'
  /** Throws in the first `failures` attempts. */
  | 'flaky'
  /** Throws in every attempt. */
  | 'fails'
  /** Throws a FatalError at once. */
  | 'fatal'
  /** Never returns by itself: ends with the step's timeout. */
  | 'hangs';

export interface StepNode {
  readonly t: 'step' | 'remote';
  readonly id: number;
  readonly behaviour: Behaviour;
  readonly failures: number;
  readonly attempts: number;
  readonly delayMs: number;
  /** Virtual time of one attempt's body; 0 = returns without waiting. */
  readonly bodyMs: number;
}

export interface SleepNode {
  readonly t: 'sleep';
  readonly id: number;
  readonly ms: number;
}

export interface SignalNode {
  readonly t: 'signal';
  readonly id: number;
  readonly token: string;
  readonly timeoutMs: number | null;
  /** Milliseconds that the schema of the signal takes to check a payload; null = it has none. */
  readonly checkMs?: number | null;
}

export interface ChildNode {
  readonly t: 'child';
  readonly id: number;
  /** `call`: ctx.child; `handle`: startChild and await the result; `leave`: startChild alone. */
  readonly style: 'call' | 'handle' | 'leave';
  readonly closePolicy: 'cancel' | 'terminate' | 'abandon';
  readonly program: Program;
}

export interface PureNode {
  readonly t: 'pure';
  readonly id: number;
  readonly op: 'now' | 'random' | 'uuid' | 'sideEffect' | 'patched' | 'cancelled';
}

export type LeafNode = StepNode | SleepNode | SignalNode | ChildNode | PureNode;

export type GroupMode =
  | 'all'
  | 'race'
  | 'any'
  | 'allSettled'
  | 'ctxAll'
  | 'ctxRace'
  | 'ctxMap'
  | 'ctxScope';

export interface GroupNode {
  readonly t: 'group';
  readonly id: number;
  readonly mode: GroupMode;
  readonly branches: readonly ProgramNode[];
  /** ctxAll and ctxMap: most branches at once. */
  readonly width: number | null;
}

interface SeqNode {
  readonly t: 'seq';
  readonly nodes: readonly ProgramNode[];
}

interface TryNode {
  readonly t: 'try';
  readonly body: ProgramNode;
  /** Null: the error goes on. */
  readonly handler: ProgramNode | null;
  readonly cleanup: ProgramNode | null;
}

interface LoopNode {
  readonly t: 'loop';
  readonly times: number;
  readonly body: ProgramNode;
}

/** Goes on with the case that the race's winner picks, so that what is asked for depends on who won. */
interface ChoiceNode {
  readonly t: 'choice';
  readonly race: GroupNode;
  readonly cases: readonly ProgramNode[];
}

/** Repeats `body` once more than the index of the race's winner. */
interface WinnerLoopNode {
  readonly t: 'winnerLoop';
  readonly race: GroupNode;
  readonly body: ProgramNode;
}

/** Starts an operation that nobody awaits. */
interface DetachNode {
  readonly t: 'detach';
  readonly body: StepNode | SleepNode | SignalNode;
}

/** The workflow's own code throws. */
interface ThrowNode {
  readonly t: 'throw';
  readonly id: number;
}

export type ProgramNode =
  | LeafNode
  | GroupNode
  | SeqNode
  | TryNode
  | LoopNode
  | ChoiceNode
  | WinnerLoopNode
  | DetachNode
  | ThrowNode;

export interface Program {
  /** Names the program within its scenario: the input of its run. */
  readonly key: string;
  readonly root: ProgramNode;
}

/** The direct parts of a node that are nodes themselves; a child's program is not one of them. */
function partsOf(node: ProgramNode): readonly ProgramNode[] {
  switch (node.t) {
    case 'group':
      return node.branches;
    case 'seq':
      return node.nodes;
    case 'try':
      return [node.body, node.handler, node.cleanup].filter((part) => part !== null);
    case 'loop':
    case 'detach':
      return [node.body];
    case 'choice':
      return [node.race, ...node.cases];
    case 'winnerLoop':
      return [node.race, node.body];
    default:
      return [];
  }
}

/** Every node of a program in depth-first order, with those of child programs if `children` is set. */
export function* walkProgram(program: Program, children: boolean): Generator<ProgramNode> {
  const stack: ProgramNode[] = [program.root];
  for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
    yield node;
    stack.push(...partsOf(node));
    if (children && node.t === 'child') stack.push(node.program.root);
  }
}

/** The leaf nodes of one program by id, children's programs left out. */
export function leavesById(program: Program): ReadonlyMap<number, LeafNode> {
  const leaves = new Map<number, LeafNode>();
  for (const node of walkProgram(program, false)) {
    if (isLeaf(node)) leaves.set(node.id, node);
  }
  return leaves;
}

export function isLeaf(node: ProgramNode): node is LeafNode {
  return (
    node.t === 'step' ||
    node.t === 'remote' ||
    node.t === 'sleep' ||
    node.t === 'signal' ||
    node.t === 'child' ||
    node.t === 'pure'
  );
}

/** Timeout of the attempts of a step that hangs. */
export const HANG_TIMEOUT_MS = 400;
