import { createModel } from '../src/conformance/store/model.js';
import { describeStoreConformance } from '../src/index.js';

describeStoreConformance('in-memory', { create: async () => createModel() });
