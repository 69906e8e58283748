import { describe, expect, it } from 'vitest';
import { DatabaseClock } from './database-clock.js';

function clockAt(start: number) {
  const time = { monotonic: start };
  const clock = new DatabaseClock({ now: () => 5_000, monotonic: () => time.monotonic });
  return { time, clock };
}

describe('the estimate of the database’s time', () => {
  it('is the process’s own until the first sample, whatever that says', () => {
    const { clock, time } = clockAt(100);
    time.monotonic += 10;
    expect(clock.now()).toBe(5_010);
    clock.sample(1_000);
    expect(clock.now()).toBe(1_000);
  });

  it('goes on from the last sample, and follows one that is ahead or a little behind', () => {
    const { clock, time } = clockAt(0);
    clock.sample(1_000);
    time.monotonic = 100;
    expect(clock.now()).toBe(1_100);
    clock.sample(1_200);
    expect(clock.now()).toBe(1_200);
    time.monotonic = 200;
    clock.sample(1_295);
    expect(clock.now()).toBe(1_295);
  });

  it('is not put back by an answer that was under way for long', () => {
    const { clock, time } = clockAt(0);
    clock.sample(1_000);
    time.monotonic = 1_000;
    clock.sample(2_000);
    time.monotonic = 1_010;
    clock.sample(1_001);
    expect(clock.now()).toBe(2_010);
  });

  it('follows a database whose clock was put back, in the end', () => {
    const { clock, time } = clockAt(0);
    clock.sample(10_000);
    for (let i = 1; i <= 60; i += 1) {
      time.monotonic = i * 1_000;
      clock.sample(9_000 + i * 1_000);
    }
    expect(clock.now()).toBe(69_000);
  });

  it('knows when a time has certainly come, at any drift up to a tenth', () => {
    const { clock, time } = clockAt(0);
    clock.sample(1_000);
    expect(clock.untilCertain(1_000)).toBe(0);
    expect(clock.untilCertain(1_090)).toBe(100);
    time.monotonic = 60;
    expect(clock.untilCertain(1_090)).toBe(40);
    time.monotonic = 100;
    expect(clock.untilCertain(1_090)).toBe(0);
  });
});
