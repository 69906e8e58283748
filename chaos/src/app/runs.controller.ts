import { WorkflowService } from '@dudousxd/nestjs-durable';
import { Body, Controller, HttpCode, Inject, Param, Post } from '@nestjs/common';
import type { Program } from '../program/program.js';

/** What the driver asks for. Everything may be asked for again. */
@Controller()
export class RunsController {
  readonly #workflows: WorkflowService;

  constructor(@Inject(WorkflowService) workflows: WorkflowService) {
    this.#workflows = workflows;
  }

  @Post('runs/:runId')
  async start(@Param('runId') runId: string, @Body() program: Program) {
    return this.#workflows.start('program', program, { runId });
  }

  @Post('signals')
  @HttpCode(200)
  async signal(@Body() { token, id, payload }: Signal) {
    return this.#workflows.signal(token, payload, { id });
  }

  @Post('runs/:runId/cancel')
  @HttpCode(200)
  async cancel(@Param('runId') runId: string) {
    const { status } = await this.#workflows.cancel(runId, 'chaos');
    return { status };
  }
}

/** A payload on its way. */
export interface Signal {
  readonly token: string;
  readonly id: string;
  readonly payload: string;
}
