import { describe, expect, test } from 'vitest';
import { judgeSettings } from './unsafe-settings.js';

const SAFE = {
  version: '9.7.4',
  innodb_flush_log_at_trx_commit: '1',
  max_allowed_packet: '16777216',
  log_bin: 'ON',
  binlog_format: 'ROW',
  sync_binlog: '1',
};

function unsafe(changed: Readonly<Record<string, string>>): readonly string[] {
  const settings = judgeSettings(new Map(Object.entries({ ...SAFE, ...changed })));
  return settings.map(({ name, value }) => `${name} = ${value}`);
}

describe('settings of a server', () => {
  test('that are as they should be', () => {
    expect(unsafe({})).toEqual([]);
    expect(unsafe({ version: '10.11.19-MariaDB-0+deb12u1' })).toEqual([]);
    expect(unsafe({ version: '8.0.19' })).toEqual([]);
    expect(unsafe({ log_bin: 'OFF', sync_binlog: '0', binlog_format: 'STATEMENT' })).toEqual([]);
  });

  test.each([
    ['innodb_flush_log_at_trx_commit', '2'],
    ['innodb_flush_log_at_trx_commit', '0'],
    ['max_allowed_packet', '1048576'],
    ['binlog_format', 'STATEMENT'],
    ['sync_binlog', '0'],
    ['version', '8.0.18'],
    ['version', '5.7.44-log'],
    ['version', '10.5.29-MariaDB'],
  ])('%s = %s is unsafe', (name, value) => {
    expect(unsafe({ [name]: value })).toEqual([`${name} = ${value}`]);
  });
});
