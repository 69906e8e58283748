import { describeSeeds } from './run-seeds.js';

describeSeeds(551, 550);
