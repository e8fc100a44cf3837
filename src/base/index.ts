export type { Arena, Place } from './arena.ts';
export { assert, AssertionError, unreachable } from './assert.ts';
export type { Bytes } from './bytes.ts';
export { compareBytes, EMPTY_BYTES, equalBytes, prefixEnd } from './bytes.ts';
export type { Cancel, Clock, Scheduler } from './clock.ts';
export type { Random } from './random.ts';
export { SeededRandom } from './random.ts';
export type { Logger } from './logger.ts';
export { silentLogger } from './logger.ts';
