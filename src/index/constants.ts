/** No key, no version, no segment. */
export const NONE = 0xffffffff;

/** A key's slot; stable while the key has a version. */
export type KeyId = number;
/** A version's slot; stable while the version exists. */
export type VersionId = number;
