import { DurableError, RunConflictError, RunNotFoundError } from '@dudousxd/nestjs-durable-core';
import { Controller, Get, type INestApplication, Logger, Module } from '@nestjs/common';
import { APP_FILTER } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { DurableExceptionFilter } from './durable-exception.filter.js';

@Controller()
class FailingController {
  @Get('missing')
  missing() {
    throw new RunNotFoundError('r-1');
  }

  @Get('conflict')
  async conflict() {
    throw new RunConflictError({ runId: 'r-1', differs: 'input' });
  }

  @Get('internal')
  internal() {
    throw new DurableError('secret detail', { code: 'ODD', fields: {} });
  }

  @Get('other')
  other() {
    throw new RangeError('not ours');
  }
}

@Module({
  controllers: [FailingController],
  providers: [{ provide: APP_FILTER, useClass: DurableExceptionFilter }],
})
class AppModule {}

let app: INestApplication;
afterEach(async () => {
  await app.close();
  vi.restoreAllMocks();
});

describe.each([
  ['Express', () => new ExpressAdapter()],
  ['Fastify', () => new FastifyAdapter()],
])('errors in a controller on %s', (_name, makeAdapter) => {
  async function get(path: string): Promise<{ status: number; body: unknown }> {
    const logged = vi.spyOn(Logger.prototype, 'error').mockImplementation(() => {});
    const module = await Test.createTestingModule({ imports: [AppModule] }).compile();
    app = module.createNestApplication(makeAdapter());
    await app.listen(0, '127.0.0.1');
    const response = await fetch(`${await app.getUrl()}/${path}`);
    expect(logged.mock.calls.length > 0).toBe(response.status >= 500);
    return { status: response.status, body: await response.json() };
  }

  it('become their status, with the code and the message', async () => {
    expect(await get('missing')).toEqual({
      status: 404,
      body: {
        statusCode: 404,
        code: 'RUN_NOT_FOUND',
        message: expect.stringContaining('"r-1"'),
      },
    });
  });

  it('thrown from a promise do too', async () => {
    const { status, body } = await get('conflict');
    expect(status).toBe(409);
    expect(body).toMatchObject({ code: 'RUN_CONFLICT' });
  });

  it.each(['internal', 'other'])('without a status tell nothing: %s', async (path) => {
    expect(await get(path)).toEqual({
      status: 500,
      body: { statusCode: 500, message: 'Internal server error' },
    });
  });
});
