import { beforeEach, describe, expect, it } from 'vitest';
import { VirtualRuntime } from '../../test/support/virtual-runtime.js';
import { startTimer, Watchdog } from './watchdog.js';

const DAY_MS = 24 * 3_600_000;

let runtime: VirtualRuntime;
let rings: number;
const ring = () => {
  rings += 1;
};

beforeEach(() => {
  runtime = new VirtualRuntime();
  rings = 0;
});

describe('Watchdog', () => {
  it('rings once, when its time is up', async () => {
    new Watchdog(runtime, 100, ring);
    await runtime.advance(99);
    expect(rings).toBe(0);
    await runtime.advance(1_000);
    expect(rings).toBe(1);
    expect(runtime.timers).toBe(0);
  });

  it('begins anew when it is touched', async () => {
    const dog = new Watchdog(runtime, 100, ring);
    for (let i = 0; i < 10; i += 1) {
      await runtime.advance(90);
      dog.touch();
    }
    expect(rings).toBe(0);
    await runtime.advance(100);
    expect(rings).toBe(1);
  });

  it('is silent once it is stopped, also after a touch', async () => {
    const dog = new Watchdog(runtime, 100, ring);
    await runtime.advance(90);
    dog.touch();
    await runtime.advance(20);
    dog.stop();
    await runtime.advance(1_000);
    expect(rings).toBe(0);
    expect(runtime.timers).toBe(0);
  });

  it('waits longer than the longest timer of Node', async () => {
    startTimer(runtime, 60 * DAY_MS, ring);
    await runtime.advance(60 * DAY_MS - 1);
    expect(rings).toBe(0);
    await runtime.advance(1);
    expect(rings).toBe(1);
  });

  it('rings at once for a limit of 0', async () => {
    startTimer(runtime, 0, ring);
    expect(rings).toBe(0);
    await runtime.advance(0);
    expect(rings).toBe(1);
  });
});
