/** Known bugs that tests put in, to prove that they would be found. Never set outside tests. */
export const testHooks = {
  /** Windows shut after one microtask instead of a complete drain: outcomes overtake the code's answers to earlier ones. */
  skipDrain: false,
};
