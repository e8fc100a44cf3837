export { FaultyEngine } from './engine.ts';
export type { CommitFate, FaultPlan, FaultRates, Landing, ReadFate } from './plan.ts';
export { NO_FAULTS, randomFaults } from './plan.ts';
export type { FaultyStoreOptions } from './store.ts';
export { FaultyStore } from './store.ts';
