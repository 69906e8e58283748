/** Attempts that were cancelled before they came here, so that they are not begun. Keeps the youngest. */
export class CancelMemory {
  static readonly #LIMIT = 10_000;
  readonly #reasons = new Map<string, string>();

  add(taskIds: readonly string[], reason: string): void {
    for (const id of taskIds) this.#reasons.set(id, reason);
    for (const oldest of this.#reasons.keys()) {
      if (this.#reasons.size <= CancelMemory.#LIMIT) return;
      this.#reasons.delete(oldest);
    }
  }

  /** Undefined where nobody has cancelled it. */
  reasonOf(taskId: string): string | undefined {
    return this.#reasons.get(taskId);
  }
}
