import { WorkflowService } from '@dudousxd/nestjs-durable';
import { Controller, Get, Param } from '@nestjs/common';
import { timelineOf } from './timeline.js';

/** Runs `order-1`, `delivery-1` and `survey-1` of order 1, in whatever language their code is. */
@Controller('runs')
export class RunsController {
  constructor(private readonly workflows: WorkflowService) {}

  @Get(':runId')
  async get(@Param('runId') runId: string) {
    const { workflow, status, waitingFor, output } = await this.workflows.get(runId);
    return { workflow, status, waitingFor, output };
  }

  /** Answers when the run is done. */
  @Get(':runId/result')
  result(@Param('runId') runId: string) {
    return this.workflows.waitForRun(runId, { timeout: '1m' });
  }

  @Get(':runId/timeline')
  async timeline(@Param('runId') runId: string) {
    return timelineOf(await this.workflows.history(runId));
  }
}
