export { type KeptValue, StateDirectory } from './state-directory.js';
export type { UnitStateFile } from './unit-state-file.js';
