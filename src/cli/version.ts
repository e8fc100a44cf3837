/** Engram's own version; version.test.ts holds it equal to package.json's. */
export const ENGRAM_VERSION = '0.1.0';
