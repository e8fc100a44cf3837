export type { KeyId, VersionId } from './constants.ts';
export { NONE } from './constants.ts';
export type { KeyIndexOptions } from './key-index.ts';
export { KeyIndex } from './key-index.ts';
export { RangeWalk } from './range-walk.ts';
export { SEGMENT_BYTES, Segments } from './segments.ts';
