export { TikvEngine } from './engine.ts';
export type { TikvEngineLimits, TikvEngineOptions } from './options.ts';
