/**
 * One change of a transaction.
 * - `put`: sets the value.
 * - `delete`: removes the key, which need not exist.
 * - `insert`: sets the value of a key that must not exist (looked for in its newest version, not at the start
 *   timestamp); otherwise the outcome is `exists`.
 * - `check-not-exists`: the key must not exist; nothing is written or locked.
 * - `lock`: nothing is written, but the transaction conflicts with every other one that writes the key.
 *
 * All but `check-not-exists` also fail with `conflict` if the key was written after the start timestamp.
 */
export type Mutation =
  | { readonly op: 'put' | 'insert'; readonly key: Uint8Array; readonly value: Uint8Array }
  | { readonly op: 'delete' | 'check-not-exists' | 'lock'; readonly key: Uint8Array };
