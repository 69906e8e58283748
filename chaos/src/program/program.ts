/** Who serves a remote step: any worker, those in Node, or those in Python. */
export type Site = 'any' | 'node' | 'python';

/** Workflows as data: what a run does. Each operation has a key that is unique in its run. */
export type Operation =
  /** A step that fails `failures` times before it returns; a local one unless it says where else. */
  | {
      readonly op: 'step';
      readonly key: string;
      readonly ms: number;
      readonly failures: number;
      readonly site?: Site;
    }
  /** A step all of whose attempts fail. The program goes on. */
  | { readonly op: 'fail'; readonly key: string; readonly site?: Site }
  /** A step that keeps the event loop busy, the first time that it runs. */
  | { readonly op: 'block'; readonly key: string; readonly ms: number }
  | { readonly op: 'sleep'; readonly key: string; readonly ms: number }
  /** Waits for `count` payloads of a token, one after the other. */
  | {
      readonly op: 'wait';
      readonly key: string;
      readonly token: string;
      readonly count: number;
    }
  /** Sends a token its first payload, from a step. */
  | { readonly op: 'send'; readonly key: string; readonly token: string }
  | { readonly op: 'child'; readonly key: string; readonly program: Program }
  /** `native`: by `Promise.all` and `Promise.race`, else by the context's own. */
  | {
      readonly op: 'all' | 'race';
      readonly key: string;
      readonly native: boolean;
      readonly branches: readonly (readonly Operation[])[];
    };

export interface Program {
  readonly operations: readonly Operation[];
  /** The body throws when it has done all this. */
  readonly fails: boolean;
}

/** What an operation returned. */
export type Output =
  /** `token`: made by the very call of the function whose result was recorded. */
  | {
      readonly key: string;
      readonly step: { readonly attempt: number; readonly token: string };
    }
  | { readonly key: string; readonly failed: string }
  | { readonly key: string; readonly slept: true }
  | { readonly key: string; readonly got: readonly unknown[] }
  | { readonly key: string; readonly child: readonly Output[] | null }
  | { readonly key: string; readonly all: readonly (readonly Output[])[] }
  | { readonly key: string; readonly winner: number; readonly output: readonly Output[] };

/** The `index`-th payload of a token, and the id under which it is sent. */
export function payloadOf(
  token: string,
  index: number,
): { readonly id: string; readonly payload: string } {
  return { id: `${token}#${index}`, payload: `${token}=${index}` };
}

/** Every wait of a program, in whatever place. */
export function waitsOf(
  operations: readonly Operation[],
): readonly { readonly token: string; readonly count: number }[] {
  return operations.flatMap((operation) => {
    switch (operation.op) {
      case 'wait':
        return [{ token: operation.token, count: operation.count }];
      case 'child':
        return waitsOf(operation.program.operations);
      case 'all':
      case 'race':
        return operation.branches.flatMap(waitsOf);
      default:
        return [];
    }
  });
}
