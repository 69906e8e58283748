/** A server of our own that can be killed and started again on its port and its files. */
export interface CrashableServer {
  readonly url: string;
  /** `SIGKILL` to all its processes. */
  crash(): Promise<void>;
  /** Loses all that it has stored. Call it between `crash` and `restart`. */
  forget(): Promise<void>;
  /** Starts it again; resolves when it accepts connections. */
  restart(): Promise<void>;
  /** Its processes stand still: connections stay open, and bring no answer. */
  freeze(): void;
  /** They go on, with all that was sent to them meanwhile. */
  thaw(): void;
  stop(): Promise<void>;
}

export function startCrashable(name: 'postgres' | 'mariadb' | 'redis'): Promise<CrashableServer>;

/** Whether the programs that it takes are on this machine. */
export function canCrash(name: 'postgres' | 'mariadb' | 'redis'): boolean;
