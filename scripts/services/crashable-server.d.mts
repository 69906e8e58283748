/** A server of our own that can be killed and started again on its port and its files. */
export interface CrashableServer {
  readonly url: string;
  /** `SIGKILL` to all its processes. */
  crash(): Promise<void>;
  /** Starts it again; resolves when it accepts connections. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

export function startCrashable(name: 'postgres' | 'mariadb' | 'redis'): Promise<CrashableServer>;

/** Whether the programs that it takes are on this machine. */
export function canCrash(name: 'postgres' | 'mariadb' | 'redis'): boolean;
