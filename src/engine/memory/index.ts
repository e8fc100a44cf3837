export type { MemoryEngineOptions } from './engine.ts';
export { MemoryEngine } from './engine.ts';
