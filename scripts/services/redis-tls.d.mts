/** A Redis that listens to TLS. */
export interface TlsServer {
  readonly port: number;
  /** Certificate of the authority: the file, and its text. */
  readonly caFile: string;
  readonly ca: string;
  /** Removes the files. */
  dispose(): Promise<void>;
}

export function listenToTls(
  command: (...words: [string, ...string[]]) => Promise<unknown>,
): Promise<TlsServer>;
