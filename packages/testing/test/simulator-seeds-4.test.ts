import { describeSeeds } from './run-seeds.js';

describeSeeds(1651, 550);
