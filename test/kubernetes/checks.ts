import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { eventually, inParallel } from '../support/suite.ts';
import type { Api, KubeObject, Reply } from './api.ts';
import { EVENT_TTL_MS } from './control-plane.ts';

const CORE = '/api/v1/namespaces/default';
export const configMap = (
  name: string,
  data: Record<string, string> = {},
  labels: Record<string, string> = {},
) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, labels },
  data,
});

export function expectStatus(reply: Reply, ...allowed: number[]): Reply {
  assert.ok(allowed.includes(reply.status), `status ${reply.status}: ${reply.text.slice(0, 400)}`);
  return reply;
}

export async function builtInResources(api: Api): Promise<void> {
  const path = `${CORE}/configmaps`;
  const created = expectStatus(await api.create(path, configMap('one', { a: '1' })), 201).body;
  expectStatus(await api.create(path, configMap('one')), 409);
  const replaced = expectStatus(await api.replace(`${path}/one`, { ...created, data: { a: '2' } }), 200).body;
  // A stale update: the resource version of the first answer.
  expectStatus(await api.replace(`${path}/one`, { ...created, data: { a: '3' } }), 409);
  const patched = expectStatus(await api.patch(`${path}/one`, { data: { b: '4' } }), 200).body;
  assert.deepEqual(patched['data'], { a: '2', b: '4' });
  const versions = [created, replaced, patched].map(({ metadata }) => Number(metadata.resourceVersion));
  assert.ok(
    versions[0]! < versions[1]! && versions[1]! < versions[2]!,
    `resource versions ${versions.join()}`,
  );
  expectStatus(await api.remove(`${path}/one`), 200);
  expectStatus(await api.get(`${path}/one`), 404);
}

export async function customResources(api: Api): Promise<void> {
  const group = 'engram.example.com';
  const schema = { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } };
  expectStatus(
    await api.create('/apis/apiextensions.k8s.io/v1/customresourcedefinitions', {
      apiVersion: 'apiextensions.k8s.io/v1',
      kind: 'CustomResourceDefinition',
      metadata: { name: `gadgets.${group}` },
      spec: {
        group,
        scope: 'Namespaced',
        names: { plural: 'gadgets', singular: 'gadget', kind: 'Gadget' },
        versions: [{ name: 'v1', served: true, storage: true, schema }],
      },
    }),
    201,
  );
  const path = `/apis/${group}/v1/namespaces/default/gadgets`;
  const gadget = { apiVersion: `${group}/v1`, kind: 'Gadget', metadata: { name: 'g' }, spec: { size: 1 } };
  const created = await eventually('a served custom resource', 30_000, async () => {
    const reply = await api.create(path, gadget);
    return reply.status === 201 ? reply.body : undefined;
  });
  const updated = expectStatus(await api.replace(`${path}/g`, { ...created, spec: { size: 2 } }), 200).body;
  assert.deepEqual(updated['spec'], { size: 2 });
  expectStatus(await api.replace(`${path}/g`, { ...created, spec: { size: 3 } }), 409);
  expectStatus(await api.patch(`${path}/g`, { spec: { colour: 'red' } }), 200);
  expectStatus(await api.remove(`${path}/g`), 200);
}

export async function pinnedPages(api: Api): Promise<void> {
  const path = `${CORE}/configmaps`;
  const label = { set: 'pages' };
  await inParallel(30, 8, async (at) => {
    expectStatus(
      await api.create(path, configMap(`page-${String(at).padStart(2, '0')}`, { at: String(at) }, label)),
      201,
    );
  });
  const names: string[] = [];
  let [token, pinned] = ['', ''];
  do {
    // resourceVersion unset: from the store, in pages, the later ones at the first one's revision.
    const query = `?limit=7&labelSelector=set%3Dpages${token === '' ? '' : `&continue=${encodeURIComponent(token)}`}`;
    const { body } = expectStatus(await api.get(path + query), 200);
    pinned ||= body.metadata.resourceVersion ?? '';
    assert.equal(body.metadata.resourceVersion, pinned);
    for (const { metadata } of body.items ?? []) names.push(metadata.name);
    token = body.metadata.continue ?? '';
    // What is written and deleted between the pages must not be seen by them.
    expectStatus(await api.create(path, configMap(`page-${String(names.length)}-between`, {}, label)), 201);
    expectStatus(await api.remove(`${path}/page-29`), 200, 404);
  } while (token !== '');
  assert.equal(names.length, 30);
  assert.equal(new Set(names).size, 30);
  expectStatus(await api.remove(`${path}?labelSelector=set%3Dpages`), 200);
}

export async function eventsVanish(api: Api): Promise<void> {
  const path = `${CORE}/events`;
  const event = (at: number) => ({
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name: `event-${at}`, labels: { set: 'ttl' } },
    involvedObject: { kind: 'Pod', name: 'p', namespace: 'default' },
    reason: 'Testing',
    message: 'A test',
    type: 'Normal',
  });
  for (let at = 0; at < 5; at++) expectStatus(await api.create(path, event(at)), 201);
  const list = () => api.get(`${path}?labelSelector=set%3Dttl`);
  assert.equal(expectStatus(await list(), 200).body.items?.length, 5);
  await sleep(EVENT_TTL_MS / 2);
  assert.equal(
    expectStatus(await list(), 200).body.items?.length,
    5,
    'an event has vanished before its time',
  );
  await eventually('that all events have vanished', 30_000, async () => {
    const { items } = expectStatus(await list(), 200).body;
    return items?.length === 0 ? true : undefined;
  });
}

export async function coordinationLeases(api: Api): Promise<void> {
  const path = '/apis/coordination.k8s.io/v1/namespaces/default/leases';
  const lease = {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: { name: 'holder' },
    spec: { holderIdentity: 'a', leaseDurationSeconds: 15 },
  };
  let held: KubeObject = expectStatus(await api.create(path, lease), 201).body;
  for (let at = 0; at < 20; at++) {
    const spec = { holderIdentity: at % 2 === 0 ? 'b' : 'a', leaseDurationSeconds: 15 };
    held = expectStatus(await api.replace(`${path}/holder`, { ...held, spec }), 200).body;
  }
  expectStatus(await api.remove(`${path}/holder`), 200);
}

export async function manyObjects(api: Api, count: number): Promise<void> {
  const path = `${CORE}/configmaps`;
  const data = { text: 'x'.repeat(500) };
  await inParallel(count, 48, async (at) => {
    expectStatus(await api.create(path, configMap(`many-${at}`, data, { set: 'many' })), 201);
  });
  const list = async (query: string) =>
    expectStatus(await api.get(`${path}?labelSelector=set%3Dmany${query}`), 200).body;
  assert.equal((await list('')).items?.length, count);
  assert.equal((await list('&resourceVersion=0')).items?.length, count);
  let [pages, found, token] = [0, 0, ''];
  do {
    const body = await list(`&limit=500${token === '' ? '' : `&continue=${encodeURIComponent(token)}`}`);
    found += body.items?.length ?? 0;
    token = body.metadata.continue ?? '';
    pages++;
  } while (token !== '');
  assert.equal(found, count);
  assert.ok(pages >= count / 500);
  // delete-collection
  expectStatus(await api.remove(`${path}?labelSelector=set%3Dmany`), 200);
  assert.equal((await list('')).items?.length, 0);
}

/** The metrics of the API server: consistent reads were served from its cache, none fell back to the store. */
export async function consistentReadsFromCache(api: Api): Promise<void> {
  for (let at = 0; at < 5; at++) expectStatus(await api.get(`${CORE}/configmaps`), 200);
  const { text } = expectStatus(await api.get('/metrics'), 200);
  const lines = text
    .split('\n')
    .filter((line) => line.startsWith('apiserver_watch_cache_consistent_read_total{'));
  const sum = (label: string) =>
    lines
      .filter((line) => line.includes(label))
      .reduce((total, line) => total + Number(line.split(' ').at(-1)), 0);
  assert.ok(sum('success="true"') > 0, `no consistent read from the cache: ${lines.join('; ')}`);
}
