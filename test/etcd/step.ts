import { gunzipSync, gzipSync } from 'node:zlib';
import { readFileSync, writeFileSync } from 'node:fs';
import type { Outcome } from './protocol.ts';

/** One thing the differential run does to both servers. Requests are bytes, because some are broken on purpose. */
export type Step =
  | { readonly kind: 'call'; readonly path: string; readonly request: Buffer }
  | { readonly kind: 'open'; readonly stream: number; readonly path: string }
  | { readonly kind: 'send'; readonly stream: number; readonly request: Buffer }
  /** Waits until the streams are quiet, and takes what they have received. */
  | { readonly kind: 'settle' };

/** What a settle found: for each stream that received something, its messages and its end. */
export interface StreamOutcome extends Outcome {
  readonly stream: number;
  readonly path: string;
}

export type StepResult =
  | { readonly kind: 'call'; readonly outcome: Outcome }
  | { readonly kind: 'settle'; readonly streams: readonly StreamOutcome[] }
  | { readonly kind: 'none' };

export interface Recorded {
  readonly step: Step;
  readonly result: StepResult;
}

/** Gzipped JSON lines, bytes as base64. */
export function writeRecording(file: string, entries: readonly Recorded[]): number {
  const lines = entries.map((entry) => JSON.stringify(entry, bytesToBase64));
  const packed = gzipSync(`${lines.join('\n')}\n`, { level: 9 });
  writeFileSync(file, packed);
  return packed.length;
}

export function readRecording(file: string): Recorded[] {
  const text = gunzipSync(readFileSync(file)).toString('utf8');
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line, base64ToBytes) as Recorded);
}

function bytesToBase64(this: unknown, key: string, value: unknown): unknown {
  const held = (this as Record<string, unknown>)[key];
  return Buffer.isBuffer(held) ? { b64: held.toString('base64') } : value;
}

function base64ToBytes(_key: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || !('b64' in value)) return value;
  return Buffer.from(String(value.b64), 'base64');
}
