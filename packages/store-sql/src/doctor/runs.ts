/** What a run's own row shows. Pure. */
import { inputDigest, isTerminal } from '@dudousxd/nestjs-durable-core';
import type { PatientRow } from '../statements/doctor.js';
import type { DoctorFinding } from './report.js';

/** I3: the run is the one that was started. */
export function examineStart(run: PatientRow, before: PatientRow | undefined): DoctorFinding[] {
  const findings: DoctorFinding[] = [];
  const found = (what: string) => findings.push({ invariant: 'I3', runId: run.id, what });
  if (before?.id === run.id) found('the id has more than one row');
  if (run.input !== null && digestOf(run.input) !== run.input_digest) {
    found('the input is not the one that the digest was made of');
  }
  return findings;
}

/** Null for what is no JSON. */
function digestOf(input: string): string | null {
  try {
    return inputDigest(input);
  } catch {
    // Whatever makes it undecodable, it is not what was started.
    return null;
  }
}

/** I10: the columns say of an ended run that it has ended, and of another one that it has not. */
export function examineEnd(run: PatientRow): DoctorFinding[] {
  return endProblems(run).map((what) => ({ invariant: 'I10', runId: run.id, what }));
}

function endProblems({ status, worker, finished_at, has_output, has_error }: PatientRow): string[] {
  const problems: string[] = [];
  if (isTerminal(status)) {
    if (worker !== null) problems.push(`it is ${status} and has an owner`);
    if (finished_at === null) problems.push(`it is ${status} without a time of its end`);
    if (status === 'completed' && has_error) problems.push('it is completed with an error');
    if (status !== 'completed' && has_output) problems.push(`it is ${status} with an output`);
    return problems;
  }
  if (finished_at !== null) problems.push(`it is ${status} with a time of its end`);
  if (has_output) problems.push(`it is ${status} with an output`);
  if (status === 'blocked' && worker !== null) problems.push('it is blocked and has an owner');
  return problems;
}
