import { parseDurationMs, parseInteger, ValueProblem } from './values.ts';

/** How much history automatic compaction keeps. */
export type Retention =
  | { readonly mode: 'off' }
  | { readonly mode: 'periodic'; readonly retentionMs: number }
  | { readonly mode: 'revision'; readonly retentionRevisions: number };

const HOUR_MS = 3_600_000;

/** As etcd reads it: a bare number is hours, or revisions; anything else a duration. Throws ValueProblem. */
export function parseRetention(mode: 'periodic' | 'revision', text: string): Retention {
  if (mode === 'revision') {
    const retentionRevisions = parseInteger(text);
    if (retentionRevisions < 0) throw new ValueProblem(`must not be negative: ${text}`);
    return retentionRevisions === 0 ? { mode: 'off' } : { mode, retentionRevisions };
  }
  const retentionMs = /^[+-]?\d+$/.test(text) ? parseInteger(text) * HOUR_MS : parseDurationMs(text);
  if (retentionMs < 0) throw new ValueProblem(`must not be negative: ${text}`);
  if (retentionMs === 0) return { mode: 'off' };
  if (retentionMs < 1000) throw new ValueProblem(`must be at least 1s: ${text}`);
  return { mode, retentionMs };
}
