import { Logger } from '@nestjs/common';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { nestLogger } from './nest-logger.js';

afterEach(() => vi.restoreAllMocks());

function spyOn(level: 'debug' | 'log' | 'warn' | 'error') {
  return vi.spyOn(Logger.prototype, level).mockImplementation(() => {});
}

describe('nestLogger', () => {
  it('maps levels', () => {
    const [debug, log, warn, error] = [spyOn('debug'), spyOn('log'), spyOn('warn'), spyOn('error')];
    const logger = nestLogger();
    logger.debug('d');
    logger.info('i');
    logger.warn('w');
    logger.error('e');
    expect(debug).toHaveBeenCalledWith('d');
    expect(log).toHaveBeenCalledWith('i');
    expect(warn).toHaveBeenCalledWith('w');
    expect(error).toHaveBeenCalledWith('e', undefined);
  });

  it('puts fields behind the message, on one line', () => {
    const warn = spyOn('warn');
    nestLogger().warn('lost', { runId: 'r\n1', error: new RangeError('odd') });
    expect(warn).toHaveBeenCalledWith("lost { runId: 'r\\n1', error: 'RangeError: odd' }");
  });

  it('gives the stack of an error to the error level', () => {
    const spy = spyOn('error');
    const error = new Error('gone');
    nestLogger().error('stopped', { error });
    expect(spy).toHaveBeenCalledWith("stopped { error: 'Error: gone' }", error.stack);
  });
});
