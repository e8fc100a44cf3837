import assert from 'node:assert/strict';
import { TikvClient, TikvError } from '../../src/tikv/index.ts';
import { eventually } from '../support/suite.ts';
import { TestEnvironment } from '../support/tikv/environment.ts';
import type { ClientCheck } from './check.ts';
import { bytes, commit, put, readAll, write } from './data.ts';

const isCode = (code: string) => (error: unknown) => error instanceof TikvError && error.code === code;
/** A call that takes so long is not waited for; half of it is far more than anything else takes. */
const hangMs = 25_000;
const sockets = () => process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap').length;

export const closingChecks: readonly ClientCheck[] = [
  {
    name: 'a closed client has no socket and no timer, and refuses calls',
    needs: [],
    isAlone: true,
    async run({ cluster, raw, stored }) {
      await raw.timestamp();
      const before = sockets();
      const environment = new TestEnvironment();
      const { pd, tls } = cluster;
      const client = await TikvClient.open({
        pd,
        environment,
        keyPrefix: stored('closing/'),
        ...(tls && { tls }),
      });
      const snapshot = await client.snapshot();
      await write(client, [put('a', '1')]);
      await client.close();
      await client.close();
      assert.equal(environment.timers, 0);
      await assert.rejects(client.timestamp(), isCode('closed'));
      await assert.rejects(client.snapshot(), isCode('closed'));
      await assert.rejects(snapshot.get(bytes('a')), isCode('closed'));
      await assert.rejects(
        client.commit([put('a', '2')], { startTimestamp: snapshot.timestamp }),
        isCode('closed'),
      );
      for (let waits = 0; sockets() > before && waits < 500; waits++) {
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      assert.ok(sockets() <= before, `${sockets()} sockets, ${before} before`);
    },
  },
  {
    name: 'a close ends reads, and lets commits end',
    needs: ['splits', 'delay', 'calls'],
    async run({ cluster, open, stored, locks }) {
      const client = await open();
      await cluster.split(stored('m'));
      await write(client, [put('a', '1'), put('z', '1')]);
      const snapshot = await client.snapshot();
      await cluster.fault({ kind: 'delay', rpc: 'KvGet', count: 10, delayMs: hangMs });
      await cluster.fault({ kind: 'delay', rpc: 'KvPrewrite', count: 2, delayMs: 200 });
      const reading = assert.rejects(snapshot.get(bytes('a')), isCode('closed'));
      const prewrites = async () => (await cluster.calls())['KvPrewrite'] ?? 0;
      const before = await prewrites();
      const writing = commit(client, [put('a', '2'), put('z', '2')]);
      // One that is not sent yet ends with the close.
      await eventually('both prewrites', 20_000, async () => (await prewrites()) >= before + 2 || undefined);
      const startedMs = Date.now();
      await Promise.all([reading, client.close()]);
      assert.ok(Date.now() - startedMs < hangMs / 2, 'the close waited for a read');
      assert.equal((await writing).kind, 'committed');
      assert.deepEqual(await locks(), [], 'locks are left behind');
      await cluster.clearFaults();
      assert.deepEqual(await readAll(await open()), [
        ['a', '2'],
        ['z', '2'],
      ]);
    },
  },
  {
    name: 'a signal ends a read; a commit only before it is sent',
    needs: ['delay'],
    async run({ cluster, open }) {
      const client = await open();
      await write(client, [put('a', '1')]);
      const snapshot = await client.snapshot();
      await cluster.fault({ kind: 'delay', rpc: 'KvGet', delayMs: hangMs });
      const abort = new AbortController();
      const startedMs = Date.now();
      const reading = assert.rejects(snapshot.get(bytes('a'), { signal: abort.signal }), isCode('aborted'));
      setTimeout(() => abort.abort(), 50);
      await reading;
      assert.ok(Date.now() - startedMs < hangMs / 2);
      const startTimestamp = await client.timestamp();
      const { signal } = abort;
      await assert.rejects(client.commit([put('a', '2')], { startTimestamp, signal }), isCode('aborted'));
      assert.deepEqual(await readAll(client), [['a', '1']]);
    },
  },
  {
    name: 'a read gives up after its budget',
    needs: ['drop-before'],
    async run({ cluster, open }) {
      const client = await open();
      await write(client, [put('a', '1')]);
      const snapshot = await client.snapshot();
      await cluster.fault({ kind: 'drop-before', rpc: 'KvGet', count: 100_000 });
      const startedMs = Date.now();
      await assert.rejects(snapshot.get(bytes('a'), { budgetMs: 400 }), isCode('unavailable'));
      assert.ok(Date.now() - startedMs < 10_000);
    },
  },
  {
    name: 'one placement driver that answers is enough to find the others',
    needs: [],
    async run({ cluster, environment }) {
      const { pd, tls } = cluster;
      const client = await TikvClient.open({ pd: ['127.0.0.1:1', ...pd], environment, ...(tls && { tls }) });
      assert.ok((await client.timestamp()) > 0n);
      await client.close();
    },
  },
];
