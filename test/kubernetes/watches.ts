import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Api } from './api.ts';
import { configMap, expectStatus } from './checks.ts';

const PATH = '/api/v1/namespaces/default/configmaps';

/**
 * Goal: a client that watches, and resumes from the last resource version it saw, gets every acknowledged write exactly
 * once whatever is restarted meanwhile. Method: create objects one after another (again, when the outcome is unknown),
 * watch with resuming, disturb half-way, compare.
 */
export async function watchAcross(api: Api, label: string, disturb: () => Promise<void>): Promise<void> {
  const count = 40;
  const from = expectStatus(await api.get(`${PATH}?limit=1`), 200).body.metadata.resourceVersion ?? '';
  const stop = new AbortController();
  const seen: string[] = [];
  const watching = follow(api, from, stop.signal, (name) => {
    if (name.startsWith(`${label}-`)) seen.push(name);
  });
  for (let at = 0; at < count; at++) {
    if (at === count / 2) await disturb();
    await createOnce(api, `${label}-${at}`);
  }
  const untilMs = Date.now() + 30_000;
  while (seen.length < count && Date.now() < untilMs) await sleep(50);
  stop.abort();
  await watching;
  assert.deepEqual(
    seen,
    Array.from({ length: count }, (_, at) => `${label}-${at}`),
  );
}

async function follow(
  api: Api,
  from: string,
  signal: AbortSignal,
  added: (name: string) => void,
): Promise<void> {
  let last = from;
  while (!signal.aborted) {
    for await (const { type, object } of api.watch(PATH, last, signal)) {
      // The API server may refuse while it comes back; anything it says of the history would be a loss.
      if (type === 'ERROR') {
        const code = Number(object['code']);
        assert.notEqual(code, 410, `the watch at ${last} was told that its history is gone`);
        break;
      }
      last = object.metadata.resourceVersion ?? last;
      if (type === 'ADDED') added(object.metadata.name);
    }
    if (!signal.aborted) await sleep(100);
  }
}

async function createOnce(api: Api, name: string): Promise<void> {
  const untilMs = Date.now() + 60_000;
  for (;;) {
    const { status, text } = await api.create(PATH, configMap(name));
    // 409: an attempt whose answer was lost had taken effect.
    if (status === 201 || status === 409) return;
    if (Date.now() > untilMs)
      throw new Error(`Cannot create ${name}: status ${status}, ${text.slice(0, 200)}`);
    await sleep(200);
  }
}
