export type { Database, OpenDatabase } from './database.ts';
export { openClassicLevel } from './database.ts';
export type { LevelEngineOptions } from './engine.ts';
export { LevelEngine } from './engine.ts';
