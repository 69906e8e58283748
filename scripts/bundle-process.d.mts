/** A program in one file. */
export interface ProcessBundle {
  readonly file: string;
  dispose(): Promise<void>;
}

export function bundleProcess(entry: string, packageDir: string): Promise<ProcessBundle>;
