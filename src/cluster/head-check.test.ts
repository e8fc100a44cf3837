/** Goal: a head that was read after the question is the only proof of the lead, and serves all who asked before. */
import { describe, expect, it } from 'vitest';
import { ManualTime } from '../../test/support/cluster/fake-links.ts';
import type { Snapshot } from '../engine/index.ts';
import { EngineError } from '../engine/index.ts';
import { EMPTY_HEAD, encodeHead, LogKeys } from '../log/index.ts';
import type { Head } from '../log/index.ts';
import { HeadCheck } from './head-check.ts';

const KEYSPACE = 'k';

/** Reads of the head that a test answers. */
class Reads {
  readonly waiting: { resolve: (bytes: Uint8Array | undefined) => void; reject: (error: Error) => void }[] =
    [];
  begun = 0;
  open = 0;

  snapshot(): Promise<Snapshot> {
    this.begun++;
    this.open++;
    const close = (): Promise<void> => {
      this.open--;
      return Promise.resolve();
    };
    const get = (key: Uint8Array): Promise<Uint8Array | undefined> => {
      expect(Buffer.from(key)).toEqual(Buffer.from(new LogKeys(KEYSPACE).head));
      return new Promise((resolve, reject) => this.waiting.push({ resolve, reject }));
    };
    return Promise.resolve({ get, [Symbol.asyncDispose]: close } as unknown as Snapshot);
  }
}

async function microtasks(): Promise<void> {
  for (let i = 0; i < 20; i++) await Promise.resolve();
}

function world() {
  const time = new ManualTime();
  const reads = new Reads();
  const store = { leads: true, epoch: 3, sequence: 10 };
  const told: string[] = [];
  const check = new HeadCheck({
    ...{ engine: reads, keyspace: KEYSPACE, store: () => store },
    ...{ clock: time, scheduler: time, requestTimeoutMs: 7000 },
  });
  const ask = (name: string): void => check.ask((refusal) => void told.push(`${name} ${refusal ?? 'leads'}`));
  const step = async (): Promise<void> => {
    for (let i = 0; i < 3; i++) {
      time.settle();
      await microtasks();
    }
  };
  const answer = async (head: Partial<Head>): Promise<void> => {
    reads.waiting.shift()?.resolve(encodeHead({ ...EMPTY_HEAD, epoch: 3, sequence: 10, ...head }));
    await step();
  };
  const fail = async (error: Error): Promise<void> => {
    reads.waiting.shift()?.reject(error);
    await step();
  };
  return { time, reads, store, told, check, ask, step, answer, fail };
}

describe('a check by the head', () => {
  it('promise 3: confirms all who asked before the head was read, and nobody who came later', async () => {
    const { reads, told, ask, step, answer } = world();
    ask('a');
    ask('b');
    await step();
    ask('c');
    await step();
    expect(reads.begun).toBe(1);
    await answer({});
    expect(told).toEqual(['a leads', 'b leads']);
    expect(reads.begun).toBe(2);
    await answer({ sequence: 11 });
    expect(told.at(-1)).toBe('c leads');
    expect(reads.open).toBe(0);
  });

  it('fails when another epoch has begun, the store has forgotten, or the lead was lost meanwhile', async () => {
    const { store, told, ask, step, answer, reads } = world();
    ask('another');
    await step();
    await answer({ epoch: 4 });
    ask('forgotten');
    await step();
    await answer({ sequence: 9 });
    ask('empty');
    await step();
    reads.waiting.shift()?.resolve(undefined);
    await step();
    ask('lost');
    await step();
    store.leads = false;
    await answer({});
    ask('follower');
    await step();
    store.leads = true;
    ask('next epoch');
    await step();
    store.epoch = 5;
    await answer({});
    expect(told).toEqual(
      ['another', 'forgotten', 'empty', 'lost', 'follower', 'next epoch'].map(
        (name) => `${name} LeaderChanged`,
      ),
    );
  });

  it('is tried again while the engine does not answer, with those who came meanwhile, until it is too late', async () => {
    const { time, told, ask, step, answer, fail } = world();
    ask('a');
    await step();
    ask('b');
    await fail(new EngineError('unavailable', 'no'));
    expect(told).toEqual([]);
    time.advance(20);
    await step();
    await answer({});
    expect(told).toEqual(['a leads', 'b leads']);
    ask('c');
    await step();
    time.advance(7000);
    expect(told.at(-1)).toBe('c Timeout');
  });

  it('tells what will not get better', async () => {
    const { told, check, ask, step, reads, fail } = world();
    ask('a');
    await step();
    reads.waiting.shift()?.resolve(Buffer.from('not a head'));
    await step();
    ask('b');
    await step();
    await fail(new EngineError('closed', 'no'));
    ask('c');
    check.close();
    expect(told).toEqual(['a Corrupt', 'b Stopped', 'c Stopped']);
  });
});
