import assert from 'node:assert/strict';
import { decodeResponse, encodeRequest } from '../etcd/protocol.ts';
import type { Message } from '../etcd/protocol.ts';
import type { Answer, Client } from '../support/engram.ts';
import { headerRevision } from '../support/engram.ts';

const WATCH = '/etcdserverpb.Watch/Watch';
const ALL = { key: Buffer.from([0]), range_end: Buffer.from([0]) };

/** What clients know after many crashes: what was acknowledged, and what a watcher that resumes has seen. */
export class Knowledge {
  /** Acknowledged: revision -> `key=value`. */
  readonly acknowledged = new Map<number, string>();
  /** Seen by the watcher: revision -> `key=value`. */
  readonly seen = new Map<number, string>();
  next = 2;
  #counter = 0;

  unique(): string {
    return String(this.#counter++);
  }

  acknowledge(revision: number, what: string): void {
    assert.ok(!this.acknowledged.has(revision), `revision ${revision} was acknowledged twice`);
    this.acknowledged.set(revision, what);
  }

  /** Every revision once, in order, without a gap. */
  see(revision: number, what: string): void {
    assert.equal(revision, this.next, 'the watcher has lost or repeated a revision');
    this.next++;
    this.seen.set(revision, what);
  }
}

/** Writes until a call fails, one call after another. */
export async function writeUntilCut(client: Client, knowledge: Knowledge, lane: number): Promise<void> {
  for (let at = 0; ; at++) {
    const value = knowledge.unique();
    const key = `lane${lane}/${at % 50}`;
    const put = { key: Buffer.from(key), value: Buffer.from(value) };
    // One in four is a transaction as Kubernetes sends it.
    const answer =
      at % 4 === 3 ? await client.txn({ success: [{ request_put: put }] }) : await client.put(put);
    if (answer.error !== undefined) return;
    knowledge.acknowledge(headerRevision(answer), `${key}=${value}`);
  }
}

/** Watches everything from where `knowledge` stands, until the stream ends, which gives why, or `done` says so. */
export async function watchUntilCut(
  client: Client,
  knowledge: Knowledge,
  done: () => boolean,
): Promise<Answer['error']> {
  client.connection.open(0, WATCH);
  const stream = client.connection.stream(0);
  stream.send(encodeRequest(WATCH, { create_request: { ...ALL, start_revision: knowledge.next } }));
  while (stream.error === undefined && !done()) {
    for (const bytes of stream.take()) takeEvents(decodeResponse(WATCH, bytes), knowledge);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  for (const bytes of stream.take()) takeEvents(decodeResponse(WATCH, bytes), knowledge);
  return stream.error;
}

function takeEvents(response: Message, knowledge: Knowledge): void {
  assert.equal(response['canceled'], false, 'the watcher was cancelled');
  for (const { kv } of response['events'] as { kv: { key: Buffer; value: Buffer; mod_revision: string } }[])
    knowledge.see(Number(kv.mod_revision), `${kv.key.toString()}=${kv.value.toString()}`);
}

/** The store holds exactly what was acknowledged, and perhaps calls whose answer was lost. */
export async function checkStore(client: Client, knowledge: Knowledge): Promise<void> {
  const answer = await client.range(ALL);
  assert.equal(answer.error, undefined, 'the store cannot be read');
  const revision = headerRevision(answer);
  const cut = await watchUntilCut(client, knowledge, () => knowledge.next > revision);
  assert.equal(cut, undefined, 'the watcher was cut off');
  for (const [at, what] of knowledge.acknowledged)
    assert.equal(knowledge.seen.get(at), what, `the acknowledged write of revision ${at} is lost or another`);
  const newest = new Map<string, string>();
  for (const what of knowledge.seen.values()) newest.set(what.split('=')[0]!, what);
  const kvs = answer.message['kvs'] as { key: Buffer; value: Buffer }[];
  assert.deepEqual(
    kvs.map(({ key, value }) => `${key.toString()}=${value.toString()}`).sort(),
    [...newest.values()].sort(),
  );
}
