import { runChild } from 'store-fixtures/child';
import { openPostgres } from '../open.js';

await runChild(openPostgres);
