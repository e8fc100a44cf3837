export { WatchHub } from './hub.ts';
export type { WatchHubOptions, WatchStats } from './hub.ts';
export { DEFAULT_WATCH_LIMITS } from './limits.ts';
export type { WatchLimits } from './limits.ts';
export type { WatchEnd, WatchSink, WatchSource } from './source.ts';
export type { WatchStream } from './stream.ts';
