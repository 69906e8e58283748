import { runChild } from 'store-fixtures/child';
import { openMariaDb } from '../open.js';

await runChild(openMariaDb);
