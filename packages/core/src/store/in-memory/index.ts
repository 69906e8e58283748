export { InMemoryStateStore, type InMemoryStateStoreOptions } from './in-memory-state-store.js';
