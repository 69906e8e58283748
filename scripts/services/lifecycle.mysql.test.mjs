import { describeLifecycle } from './lifecycle-suite.mjs';

describeLifecycle('mysql');
