/** Results of remote attempts that were offered to a run: who brought them waits to hear whether they are durable. */
export class Offers {
  private readonly open = new Map<string, (taken: boolean) => void>();

  has(taskId: string): boolean {
    return this.open.has(taskId);
  }

  /** Resolves when it is known what became of the offer. */
  make(taskId: string): Promise<boolean> {
    return new Promise((resolve) => {
      this.open.set(taskId, resolve);
    });
  }

  end(taskId: string, taken: boolean): void {
    const end = this.open.get(taskId);
    this.open.delete(taskId);
    end?.(taken);
  }

  /** None of them will be durable by way of this run's next turn. */
  refuseAll(): void {
    for (const taskId of [...this.open.keys()]) this.end(taskId, false);
  }
}
