import type { SettingFinding } from '@dudousxd/nestjs-durable-core';
import type { Query } from '../sql/statement.js';

/** A setting as the database shows it, in text. */
export interface SettingValue {
  readonly name: string;
  readonly value: string;
}

/** What a setting has to be for the store's promises to hold, and why. */
export interface SettingRule extends Omit<SettingFinding, 'value'> {
  /** Whether this value is all right; asked only for settings that the server has. */
  readonly accepts: (value: string) => boolean;
}

/** The rules of a database, and where its settings are read. */
export interface SettingRules {
  readonly read: Query<SettingValue>;
  readonly rules: readonly SettingRule[];
}
