// Lets chaos loose on real processes.
//
//   pnpm chaos [--minutes 60] [--seed N] [--report FILE] [--control] [--remote]
//   pnpm chaos --pairs 10000 [--seed N]
import '../../packages/testing/scripts/source-hooks.mjs';

await import('../src/main.ts');
