import { describeSeeds } from './run-seeds.js';

describeSeeds(1101, 550);
