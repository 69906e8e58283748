/** Random programs. */
import type { Operation, Program, Site } from './program.js';
import type { Random } from './random.js';

export interface Shape {
  readonly runId: string;
  /** Whether the run may be cancelled: then nobody may depend on what it sends. */
  readonly cancellable: boolean;
  /** Where remote steps are served; none: all steps are local. */
  readonly sites: readonly Site[];
  /** A token that another run waits for, if there is one that nobody sends to yet. */
  takeToken(): string | undefined;
}

/** What may stand in a place. */
interface Place {
  readonly key: string;
  readonly depth: number;
  /** Nothing that may be lost when another branch wins. */
  readonly inRace: boolean;
}

const MAX_DEPTH = 2;
const REMOTE_SHARE = 0.75;

export function generateProgram(random: Random, shape: Shape): Program {
  return new Generator(random, shape).program({ key: '', depth: 0, inRace: false });
}

class Generator {
  readonly #random: Random;
  readonly #shape: Shape;

  constructor(random: Random, shape: Shape) {
    this.#random = random;
    this.#shape = shape;
  }

  program(place: Place): Program {
    const most = place.depth === 0 ? 6 : 3;
    return { operations: this.#list(place, most), fails: this.#random.chance(0.03) };
  }

  #list({ key, depth, inRace }: Place, most: number): readonly Operation[] {
    const length = this.#random.between(1, most);
    return Array.from({ length }, (_, i) =>
      this.#operation({ key: key === '' ? `${i}` : `${key}.${i}`, depth, inRace }),
    );
  }

  #operation(place: Place): Operation {
    const { key, depth, inRace } = place;
    const draw = this.#random.next();
    if (draw < 0.45 || depth >= MAX_DEPTH) return this.#step(key);
    if (draw < 0.5) return { op: 'fail', key, ...this.#place() };
    if (draw < 0.67) return { op: 'sleep', key, ms: this.#random.between(1, 2_000) };
    if (draw < 0.77 && !inRace) return this.#wait(key);
    if (draw < 0.84 && !inRace) return this.#send(key);
    if (draw < 0.9 && !inRace) {
      return { op: 'child', key, program: this.program({ ...place, depth: depth + 1 }) };
    }
    return this.#region(place);
  }

  #step(key: string): Operation {
    const failures = this.#random.chance(0.15) ? this.#random.between(1, 2) : 0;
    const ms = this.#random.chance(0.1)
      ? this.#random.between(300, 1_500)
      : this.#random.between(0, 60);
    return { op: 'step', key, ms, failures, ...this.#place() };
  }

  /** Without sites nothing is drawn: a seed has the programs that it always had. */
  #place(): { readonly site?: Site } {
    const { sites } = this.#shape;
    if (sites.length === 0 || !this.#random.chance(REMOTE_SHARE)) return {};
    return { site: this.#random.pick(sites) };
  }

  #wait(key: string): Operation {
    const count = this.#random.chance(0.2) ? this.#random.between(2, 3) : 1;
    return { op: 'wait', key, token: `${this.#shape.runId}/${key}`, count };
  }

  #send(key: string): Operation {
    const token = this.#shape.cancellable ? undefined : this.#shape.takeToken();
    return token === undefined ? this.#step(key) : { op: 'send', key, token };
  }

  #region({ key, depth, inRace }: Place): Operation {
    const op = this.#random.chance(0.6) ? 'all' : 'race';
    const native = this.#random.chance(0.5);
    const branches = Array.from({ length: this.#random.between(2, 3) }, (_, i) => {
      const place = { key: `${key}.b${i}`, depth: depth + 1, inRace: inRace || op === 'race' };
      return this.#list(place, 2);
    });
    return { op, key, native, branches };
  }
}
