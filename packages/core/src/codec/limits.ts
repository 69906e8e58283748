/** Containers inside one another, the outermost included, that a value may have. */
export const MAX_DEPTH = 1_000;

/** Encoded size in UTF-8 bytes above which `onLarge` is told, unless set otherwise: 256 KiB. */
export const DEFAULT_WARN_BYTES = 256 * 1024;

/** Encoded size in UTF-8 bytes above which a value is refused, unless set otherwise: 2 MiB. */
export const DEFAULT_MAX_BYTES = 2 * 1024 * 1024;

/** An error always has this much room, in UTF-8 bytes, whatever `maxBytes` is: 16 KiB. */
export const MIN_ERROR_BYTES = 16 * 1024;

/** How many parts an outline's bytes are shared among: names, messages and causes, properties, and what was dropped. */
export const OUTLINE_SHARES = 256;

/** Own properties that an outline of an error keeps. */
export const OUTLINE_PROPS = 16;

/**
 * Characters after which encoding stops without knowing the whole size. Above the limit, so that the message can name
 * the size in many cases; finite, so that a small graph of shared references cannot grow without end.
 */
export function characterBudget(maxBytes: number): number {
  return Math.min(maxBytes * 2, 2 ** 28);
}
