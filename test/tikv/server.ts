import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { tikvFlags } from '../crash/tikv.ts';
import { EngramProcess } from '../support/engram.ts';
import { freePort, temporaryDirectory } from '../support/process.ts';
import { eventually } from '../support/suite.ts';
import { FixtureCluster } from '../support/tikv/fixture.ts';

/** A server that is started before its TiKV: probes are told, the log too, a signal ends it, and it serves in the end. */
export async function startWaitsForTikv(): Promise<string> {
  const cluster = await FixtureCluster.start({ stores: 1 });
  try {
    await cluster.kill();
    const engram = await EngramProcess.at(temporaryDirectory('waits'));
    engram.metricsUrl = `http://127.0.0.1:${await freePort()}`;
    engram.flags = tikvFlags(cluster.pd);
    const probe = async (path: string) => {
      const response = await fetch(`${engram.metricsUrl}${path}`);
      return { status: response.status, text: await response.text() };
    };
    const waiting = engram.launch();
    const health = await eventually('an answer of /health', 20_000, () =>
      probe('/health').catch(() => undefined),
    );
    assert.deepEqual(health, {
      status: 503,
      text: '{"health":"false","reason":"RANGE ERROR:the server is starting"}\n',
    });
    assert.equal((await probe('/readyz')).status, 503);
    await eventually('a line in the log', 30_000, () =>
      Promise.resolve(
        readFileSync(engram.logFile, 'utf8').includes('waiting for a placement driver of TiKV to answer') ||
          undefined,
      ),
    );
    // A signal ends one that waits.
    await waiting.stop('SIGTERM');
    assert.equal(await waiting.exited, 0, engram.log());
    engram.launch();
    await eventually('an answer of /health', 20_000, () => probe('/health').catch(() => undefined));
    await cluster.restart();
    const served = await eventually('that it is healthy', 30_000, async () => {
      const answer = await probe('/health').catch(() => undefined);
      return answer?.status === 200 ? answer : undefined;
    });
    assert.equal(served.text, '{"health":"true","reason":""}');
    await engram.stop('SIGTERM');
    return 'healthy once TiKV was there';
  } finally {
    await cluster.close();
  }
}

/** Two servers with names of their own write the same keys, and neither sees the other. */
export async function severalKeyspaces(): Promise<string> {
  const cluster = await FixtureCluster.start({ stores: 3 });
  try {
    const servers = await Promise.all(
      ['one', 'two', 'one-more'].map(async (keyspace) => {
        const engram = await EngramProcess.at(temporaryDirectory(`keyspace-${keyspace}`));
        engram.flags = tikvFlags(cluster.pd, { keyspace });
        return { keyspace, engram, client: await engram.up() };
      }),
    );
    await Promise.all(
      servers.map(async ({ keyspace, client }) => {
        for (let at = 0; at < 50; at++) {
          const { error } = await client.put({
            key: Buffer.from(`k${at}`),
            value: Buffer.from(`${keyspace} ${at}`),
          });
          assert.equal(error, undefined);
        }
      }),
    );
    for (const { keyspace, engram, client } of servers) {
      client.close();
      await engram.stop('SIGKILL');
      const again = await engram.up();
      const { message } = await again.range({ key: Buffer.from([0]), range_end: Buffer.from([0]) });
      const kvs = message['kvs'] as { value: Buffer }[];
      assert.equal(kvs.length, 50);
      assert.ok(kvs.every(({ value }) => value.toString().startsWith(`${keyspace} `)));
      again.close();
      await engram.stop('SIGTERM');
    }
    return `${servers.length} keyspaces`;
  } finally {
    await cluster.close();
  }
}
