/**
 * Draws random programs.
 *
 * - Every branch of a group begins with an operation, so no two branches end in one window.
 * - A newer wait of a run on a token takes the place of its older one (semantics.md, 9), which then never settles. So a
 *   token is waited for twice in a run only where that cannot leave the body hanging: one after the other, or as a
 *   branch of a race.
 */
import type {
  Behaviour,
  ChildNode,
  GroupMode,
  GroupNode,
  Program,
  ProgramNode,
  PureNode,
  SignalNode,
  SleepNode,
  StepNode,
} from './program.js';
import type { Rng } from './random.js';

/** What a workload is made of. */
export interface ProgramStyle {
  /** Most leaf nodes of one program, its children's not counted. */
  readonly commands: number;
  /** How deep groups, blocks and loops may nest. */
  readonly depth: number;
  /** How deep children may nest. */
  readonly childDepth: number;
  /** Relative frequency of each kind of leaf. */
  readonly leaves: Readonly<Record<LeafKind, number>>;
  /** Relative frequency of each kind of block; `leaf` ends the nesting. */
  readonly blocks: Readonly<Record<BlockKind, number>>;
  readonly behaviours: Readonly<Record<Behaviour, number>>;
  readonly modes: readonly GroupMode[];
  /** Tokens to wait for. A token that ends in `*` is drawn by several runs, any other is made unique per run. */
  readonly tokens: readonly string[];
  /** Longest sleep and longest signal timeout. */
  readonly longestMs: number;
}

export type LeafKind = 'step' | 'remote' | 'sleep' | 'signal' | 'child' | 'pure';
export type BlockKind =
  | 'leaf'
  | 'group'
  | 'seq'
  | 'try'
  | 'loop'
  | 'choice'
  | 'winnerLoop'
  | 'detach'
  | 'throw';

const PURE_OPS = ['now', 'random', 'uuid', 'sideEffect', 'patched', 'cancelled'] as const;
const RACE_MODES: readonly GroupMode[] = ['race', 'any', 'ctxRace'];

/** Draws the program of run `key`. */
export function drawProgram(rng: Rng, style: ProgramStyle, key: string): Program {
  return new Drawing(rng, style, key, style.childDepth).program();
}

class Drawing {
  private readonly rng: Rng;
  private readonly style: ProgramStyle;
  private readonly key: string;
  private readonly childDepth: number;
  private left: number;
  private nextId = 1;
  /** Whether what is drawn now may run beside other parts of the program. */
  private beside = false;

  constructor(rng: Rng, style: ProgramStyle, key: string, childDepth: number) {
    this.rng = rng;
    this.style = style;
    this.key = key;
    this.childDepth = childDepth;
    this.left = rng.between(Math.min(2, style.commands), style.commands);
  }

  program(): Program {
    return { key: this.key, root: this.sequence(this.style.depth, this.rng.between(1, 5)) };
  }

  private sequence(depth: number, length: number): ProgramNode {
    const nodes: ProgramNode[] = [];
    for (let i = 0; i < length && (this.left > 0 || nodes.length === 0); i += 1)
      nodes.push(this.node(depth));
    return nodes.length === 1 ? (nodes[0] as ProgramNode) : { t: 'seq', nodes };
  }

  private node(depth: number): ProgramNode {
    if (depth <= 0 || this.left <= 1) return this.leaf();
    switch (this.rng.weighted(this.style.blocks)) {
      case 'leaf':
        return this.leaf();
      case 'group':
        return this.group(depth, this.rng.pick(this.style.modes));
      case 'seq':
        return this.sequence(depth - 1, this.rng.between(2, 4));
      case 'try':
        return this.block(depth);
      case 'loop':
        return { t: 'loop', times: this.rng.between(2, 3), body: this.node(depth - 1) };
      case 'choice': {
        const race = this.group(depth, this.rng.pick(RACE_MODES));
        return { t: 'choice', race, cases: race.branches.map(() => this.node(depth - 1)) };
      }
      case 'winnerLoop':
        return {
          t: 'winnerLoop',
          race: this.group(depth, this.rng.pick(RACE_MODES)),
          body: this.node(depth - 1),
        };
      case 'detach':
        return { t: 'detach', body: this.detached() };
      case 'throw':
        return this.rng.chance(0.3) ? { t: 'throw', id: this.id() } : this.leaf();
    }
  }

  private block(depth: number): ProgramNode {
    const body = this.node(depth - 1);
    const shape = this.rng.pick(['catch', 'finally', 'both'] as const);
    const handler = shape === 'finally' ? null : this.node(depth - 1);
    const cleanup = shape === 'catch' ? null : this.node(0);
    return { t: 'try', body, handler, cleanup };
  }

  private group(depth: number, mode: GroupMode): GroupNode {
    const count = this.rng.between(2, Math.max(2, Math.min(4, this.left)));
    const outside = this.beside;
    const branches: ProgramNode[] = [];
    for (let i = 0; i < count; i += 1)
      branches.push(this.raceWait(mode, outside) ?? this.branch(depth - 1));
    this.beside = outside;
    const bounded = (mode === 'ctxAll' || mode === 'ctxMap') && this.rng.chance(0.5);
    return {
      t: 'group',
      id: this.id(),
      mode,
      branches,
      width: bounded ? this.rng.between(1, 2) : null,
    };
  }

  /** A wait that may lose a race and be replaced by a later one. */
  private raceWait(mode: GroupMode, outside: boolean): ProgramNode | null {
    const racing = mode === 'race' || mode === 'ctxRace';
    if (!racing || outside || this.style.leaves.signal === 0 || !this.rng.chance(0.2)) return null;
    this.left -= 1;
    this.beside = false;
    return this.signal();
  }

  private branch(depth: number): ProgramNode {
    this.beside = true;
    const drawn =
      depth > 0 && this.rng.chance(0.4)
        ? this.sequence(depth, this.rng.between(1, 3))
        : this.node(depth);
    return startsWithOperation(drawn) ? drawn : { t: 'seq', nodes: [this.operation(), drawn] };
  }

  private leaf(): ProgramNode {
    this.left -= 1;
    switch (this.rng.weighted(this.style.leaves)) {
      case 'step':
        return this.step('step');
      case 'remote':
        return this.step('remote');
      case 'sleep':
        return this.sleep();
      case 'signal':
        return this.signal();
      case 'child':
        return this.childDepth > 0 ? this.child() : this.step('step');
      case 'pure':
        return { t: 'pure', id: this.id(), op: this.rng.pick<PureNode['op']>(PURE_OPS) };
    }
  }

  private operation(): StepNode | SleepNode {
    return this.rng.chance(0.7) ? this.step('step') : this.sleep();
  }

  private detached(): StepNode | SleepNode | SignalNode {
    this.left -= 1;
    const outside = this.beside;
    this.beside = true;
    const node = this.rng.chance(0.3) ? this.signal() : this.operation();
    this.beside = outside;
    return node;
  }

  private step(t: 'step' | 'remote'): StepNode {
    const { rng } = this;
    const behaviour = rng.weighted(this.style.behaviours);
    const attempts = behaviour === 'ok' ? 3 : rng.between(1, 4);
    const failures = behaviour === 'flaky' ? rng.between(1, attempts) : 0;
    const bodyMs = rng.chance(0.3) ? 0 : rng.pick([1, 5, 20, 100, 600]);
    const delayMs = rng.pick([0, 1, 50, 400]);
    return { t, id: this.id(), behaviour, failures, attempts, delayMs, bodyMs };
  }

  private sleep(): SleepNode {
    return { t: 'sleep', id: this.id(), ms: this.duration() };
  }

  private signal(): SignalNode {
    const { rng } = this;
    const drawn = rng.pick(this.style.tokens);
    const id = this.id();
    const shared = drawn.endsWith('*') && !this.beside;
    const token = shared ? drawn : `${this.key}/${drawn}${this.beside ? id : ''}`;
    const timeoutMs = rng.chance(0.5) ? this.duration() : null;
    return {
      t: 'signal',
      id,
      token,
      timeoutMs,
      checkMs: rng.chance(0.2) ? rng.pick([0, 30]) : null,
    };
  }

  private child(): ChildNode {
    const { rng } = this;
    const id = this.id();
    const style = rng.pick(['call', 'call', 'handle', 'leave'] as const);
    const closePolicy = rng.pick(['cancel', 'cancel', 'terminate', 'abandon'] as const);
    const small = {
      ...this.style,
      commands: Math.max(1, Math.floor(this.style.commands / 3)),
      depth: this.style.depth - 1,
    };
    const program = new Drawing(rng, small, `${this.key}.${id}`, this.childDepth - 1).program();
    return { t: 'child', id, style, closePolicy, program };
  }

  private duration(): number {
    const { longestMs } = this.style;
    return Math.ceil(this.rng.pick([0, 1, 5, 40, 300, 1_000, longestMs / 2, longestMs]));
  }

  private id(): number {
    const id = this.nextId;
    this.nextId += 1;
    return id;
  }
}

/** Whether running the node asks for an operation that takes time before it does anything else. */
function startsWithOperation(node: ProgramNode): boolean {
  switch (node.t) {
    case 'step':
    case 'remote':
    case 'sleep':
    case 'signal':
    case 'child':
    case 'group':
      return true;
    case 'seq':
      return node.nodes[0] !== undefined && startsWithOperation(node.nodes[0]);
    case 'try':
    case 'loop':
      return startsWithOperation(node.body);
    case 'choice':
    case 'winnerLoop':
      return true;
    default:
      return false;
  }
}
