import { runChild } from 'store-fixtures/child';
import { openMySqlAs } from '../open.js';

await runChild(openMySqlAs('mariadb'));
