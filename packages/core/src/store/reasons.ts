/** Reasons that stores write themselves. Shared, so that a run reads the same on every store. */

/** Reason of a run that became `blocked` because its workers kept dying on it. */
export function crashLoopReason(crashes: number): string {
  return `claimed ${crashes} times without progress: each time the process that ran it died`;
}

/** Reason of a child run that was cancelled or terminated because its parent ended first. */
export function parentEndedReason(parentRunId: string): string {
  return `its parent run ${parentRunId} has ended`;
}
