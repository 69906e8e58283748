/** Why a text is not taken as a message. What is refused is dropped: it must harm nobody. */
export const RefusalKind = {
  /** More bytes than allowed. Not parsed. */
  tooLarge: 'tooLarge',
  /** Nested deeper than allowed. Not parsed. */
  tooDeep: 'tooDeep',
  notJson: 'notJson',
  /** JSON, but no object with a version and a type. */
  notMessage: 'notMessage',
  /** Of a later version: this process has to be upgraded. */
  newerVersion: 'newerVersion',
  /** Of a version that never was, or is not read any more. */
  unknownVersion: 'unknownVersion',
  /** Of a type that does not exist, or does not belong where it was found. */
  unknownType: 'unknownType',
  /** A field is missing or of the wrong kind. */
  invalid: 'invalid',
} as const;

export type RefusalKind = (typeof RefusalKind)[keyof typeof RefusalKind];

/** A text that was not taken as a message. */
export interface Refusal {
  readonly kind: RefusalKind;
  /** In words, with the field where there is one. Quotes little of the text: it may be anything. */
  readonly detail: string;
}
