import { describe } from 'vitest';
import { describeDelivery } from './delivery.js';
import type { TransportFixture } from './fixture.js';
import { describeInterruption } from './interruption.js';
import { describeResults } from './results.js';

/**
 * What every transport has to do: results and failures arrive as they were, per attempt; timeouts, cancellation,
 * heartbeats and shutdown act on the handler. Call it in a Vitest file of the transport's package.
 */
export function describeTransportConformance(name: string, fixture: TransportFixture): void {
  describe(`transport conformance: ${name}`, () => {
    describeResults(fixture);
    describeDelivery(fixture);
    describeInterruption(fixture);
  });
}
