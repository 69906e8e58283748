import { type Job, type JobJson, Worker } from 'bullmq';

/**
 * BullMQ's worker, which hands jobs over unparsed: what lies in a queue may be anything, and BullMQ would leave a job that
 * it cannot parse where it is. The data of a job is its text.
 */
export class TaskWorker extends Worker<string> {
  protected override createJob(json: JobJson, jobId: string): Job<string> {
    const job = super.createJob({ ...json, data: '""' }, jobId);
    job.data = json.data ?? '';
    return job;
  }
}
