/** Of this package, as workers announce it. A test compares it with the manifest. */
export const VERSION = '0.1.0';
