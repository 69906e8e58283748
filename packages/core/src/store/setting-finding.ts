/** A setting of the database, of the driver or of the machine that a store has an objection to. */
export interface SettingFinding {
  /** As the database calls it. */
  readonly setting: string;
  /** What it is. */
  readonly value: string;
  /** What it should be. */
  readonly wanted: string;
  /** What goes wrong with it, as a sentence. */
  readonly why: string;
  /** What to do, as a sentence. */
  readonly how: string;
}
