import assert from 'node:assert/strict';
import type { Mutation, TikvClient, TxnOutcome } from '../../src/tikv/index.ts';

/** Short names for what every check does. */

export const bytes = (text: string): Buffer => Buffer.from(text);

export function put(key: string, value: string): Mutation {
  return { op: 'put', key: bytes(key), value: bytes(value) };
}

export function insert(key: string, value: string): Mutation {
  return { op: 'insert', key: bytes(key), value: bytes(value) };
}

type Committed = Extract<TxnOutcome, { kind: 'committed' }>;

/** The outcome, which must be this one. */
export function expectCommitted(outcome: TxnOutcome): Committed {
  assert.equal(outcome.kind, 'committed', describe(outcome));
  return outcome;
}

export function describe(outcome: TxnOutcome): string {
  return outcome.kind === 'undetermined'
    ? `undetermined: ${outcome.cause.message}`
    : Object.entries(outcome).map(String).join(' ');
}

export async function commit(
  client: TikvClient,
  mutations: readonly Mutation[],
  options: { onePhase?: boolean; budgetMs?: number; primary?: Buffer } = {},
): Promise<TxnOutcome> {
  return client.commit(mutations, { startTimestamp: await client.timestamp(), ...options });
}

/** Commits, and again while it is settled that nothing was written. */
export async function write(client: TikvClient, mutations: readonly Mutation[]): Promise<Committed> {
  for (let attempt = 1; ; attempt++) {
    const outcome = await commit(client, mutations);
    if (outcome.kind !== 'rolled-back' || attempt === 10) return expectCommitted(outcome);
  }
}

/** What a new snapshot shows of one key. */
export async function read(client: TikvClient, key: string): Promise<string | undefined> {
  const snapshot = await client.snapshot();
  return (await snapshot.get(bytes(key)))?.toString();
}

/** What a new snapshot shows of everything, or of a range. */
export async function readAll(
  client: TikvClient,
  options: { gte?: string; lt?: string; reverse?: boolean; limit?: number; at?: bigint } = {},
): Promise<[string, string][]> {
  const { gte, lt, at, ...rest } = options;
  const snapshot = await client.snapshot(at);
  const range = {
    ...(gte === undefined ? {} : { gte: bytes(gte) }),
    ...(lt === undefined ? {} : { lt: bytes(lt) }),
  };
  const found: [string, string][] = [];
  for await (const batch of snapshot.scan({ ...range, ...rest, batchEntries: 7 })) {
    assert.ok(batch.length > 0, 'an empty batch');
    found.push(...batch.map(({ key, value }): [string, string] => [key.toString(), value.toString()]));
  }
  return found;
}

/** `name/000`, so that keys sort as their numbers do. */
export function numbered(name: string, at: number): string {
  return `${name}/${String(at).padStart(3, '0')}`;
}
