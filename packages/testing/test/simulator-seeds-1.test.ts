import { describeSeeds } from './run-seeds.js';

describeSeeds(1, 550);
