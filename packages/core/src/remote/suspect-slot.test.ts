import { expect, it } from 'vitest';
import { VirtualRuntime } from '../../test/support/virtual-runtime.js';
import { SuspectSlot } from './suspect-slot.js';

it('is held by one attempt until it ends, or has lived for two seconds', async () => {
  const runtime = new VirtualRuntime();
  const slot = new SuspectSlot(runtime.clock);
  expect(slot.enter('a')).toBe(true);
  expect(slot.enter('a')).toBe(true);
  expect(slot.enter('b')).toBe(false);
  slot.leave('b');
  expect(slot.enter('b')).toBe(false);
  slot.leave('a');
  expect(slot.enter('b')).toBe(true);
  await runtime.advance(1_999);
  expect(slot.enter('a')).toBe(false);
  await runtime.advance(1);
  expect(slot.enter('a')).toBe(true);
  slot.leave('b');
  expect(slot.enter('c')).toBe(false);
});
