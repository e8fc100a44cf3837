export type { TikvEngineLimits, TikvEngineOptions } from './engine.ts';
export { TikvEngine } from './engine.ts';
