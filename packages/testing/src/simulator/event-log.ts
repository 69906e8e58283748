/** What happened, in order: a rolling hash to compare two runs of one seed, and the last lines for a report. */
export interface LogLine {
  readonly step: number;
  /** Virtual milliseconds since the start. */
  readonly at: number;
  readonly who: string;
  readonly text: string;
}

const FNV_PRIME = 0x01000193;

export class EventLog {
  private readonly lines: LogLine[] = [];
  private readonly keep: number;
  private a = 0x811c9dc5;
  private b = 0x9747b28c;

  /** @param keep how many of the last lines to remember */
  constructor(keep: number) {
    this.keep = keep;
  }

  add(line: LogLine): void {
    this.mix(`${line.at} ${line.who} ${line.text}`);
    this.lines.push(line);
    if (this.lines.length > 2 * this.keep) this.lines.splice(0, this.lines.length - this.keep);
  }

  /** Adds to the hash what is too long for a line. */
  mix(text: string): void {
    let { a, b } = this;
    for (let i = 0; i < text.length; i += 1) {
      const code = text.charCodeAt(i);
      a = Math.imul(a ^ code, FNV_PRIME);
      b = Math.imul(b + code, 0x85ebca6b) ^ (b >>> 15);
    }
    this.a = a;
    this.b = b;
  }

  get hash(): string {
    const hex = (n: number) => (n >>> 0).toString(16).padStart(8, '0');
    return hex(this.a) + hex(this.b);
  }

  tail(count: number): readonly LogLine[] {
    return count === 0 ? [] : this.lines.slice(-count);
  }
}

export function formatLine({ step, at, who, text }: LogLine): string {
  return `${String(step).padStart(6)} ${String(at).padStart(8)} ms  ${who.padEnd(8)} ${text}`;
}
