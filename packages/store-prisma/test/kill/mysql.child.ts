import { runChild } from 'store-fixtures/child';
import { openMySql } from '../open.js';

await runChild(openMySql);
