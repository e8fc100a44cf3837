/** One case for every row of the table of region errors (tikv.md B.4): who is asked, when, and how it ends. */
import { describe, expect, test } from 'vitest';
import { encodeBound } from '../key-codec.ts';
import type { Received, RegionError, RegionMeta } from '../messages.ts';
import type { RegionInfo } from '../pd/pd.ts';
import { Backoff } from '../backoff.ts';
import { RpcError, TikvError } from '../errors.ts';
import type { StoreMethod } from '../store-messages.ts';
import {
  peer,
  placementDriver,
  region,
  regionError,
  ScriptedRpc,
  unanswered,
  up,
  virtualEnvironment,
} from '../../../test/support/tikv/scripted-cluster.ts';
import type { Asked } from '../../../test/support/tikv/scripted-cluster.ts';
import { VirtualTime } from '../../../test/support/tikv/virtual-time.ts';
import { RegionClient } from './region-client.ts';
import type { SendOptions } from './regions.ts';

type Step = Partial<Received<RegionError>> | 'serve' | 'lost-before' | 'lost-after' | 'unsent';

interface Setup {
  readonly steps: readonly Step[];
  readonly method?: StoreMethod;
  readonly known?: RegionInfo;
  readonly budgetMs?: number;
  readonly options?: SendOptions;
  readonly addresses?: Readonly<Record<string, string>>;
}

interface Outcome {
  /** `store@ms` of each attempt, with a `!` where the request says that it is a repetition. */
  readonly asked: string[];
  /** `answer`, `relocate`, or the error's code. */
  readonly ends: string;
  readonly maybeApplied: boolean;
  readonly waitedMs: number;
  /** Whether the placement driver is asked for the key the next time. */
  readonly forgotten: boolean;
}

/** Region 1 is [a, m), with peers 11, 12, 13 on the stores 1, 2, 3; 11 leads as far as is known. */
async function deliver(setup: Setup) {
  const time = new VirtualTime();
  const { known = region(1n, ['a', 'm']), budgetMs = 20_000 } = setup;
  const left = [...setup.steps];
  let regionAsks = 0;
  const addresses = setup.addresses ?? { 1: 's1', 2: 's2', 3: 's3', 4: 's4' };
  const pd = placementDriver({
    region: async () => (regionAsks++, known),
    previousRegion: async () => (regionAsks++, known),
    regions: async () => (regionAsks++, [known]),
    store: async (id) => up(id, addresses[String(id)] ?? ''),
  });
  const rpc = new ScriptedRpc(time, () => {
    const step = left.shift() ?? 'serve';
    if (step === 'serve') return {};
    if (step === 'unsent') throw new RpcError(8, '1024 calls are under way', false);
    if (step === 'lost-before' || step === 'lost-after') return unanswered(step === 'lost-after');
    return regionError(step);
  });
  const environment = virtualEnvironment(time);
  const regions = new RegionClient({ environment, pd, rpc });
  const located = await regions.locate(Buffer.from('b'), new Backoff(environment, 1000));
  const startMs = time.nowMs();
  const backoff = new Backoff(environment, budgetMs);
  const { method = 'KvGet', options } = setup;
  const call = { method, request: { key: Buffer.from('b'), version: 7n }, options } as const;
  let ends: string;
  let maybeApplied: boolean;
  try {
    const sent = await time.run(regions.send(located, call, backoff));
    ends = sent.kind;
    maybeApplied = sent.maybeApplied;
  } catch (error) {
    if (!(error instanceof TikvError)) throw error;
    ends = error.code;
    maybeApplied = error.maybeApplied;
  }
  const waitedMs = time.nowMs() - startMs;
  const asked = rpc.asked.map((one) => shortly(one, startMs));
  const asksBefore = regionAsks;
  const now = await regions.locate(Buffer.from('b'), new Backoff(environment, 1000));
  const forgotten = regionAsks > asksBefore;
  await regions.close();
  expect(time.timerCount).toBe(0);
  const outcome: Outcome = { asked, ends, maybeApplied, waitedMs, forgotten };
  return { outcome, rpc, now, located };
}

function shortly({ address, atMs, context }: Asked, startMs: number): string {
  return `${address}@${atMs - startMs}${context.isRetryRequest === true ? '!' : ''}`;
}

function meta(info: RegionInfo): Received<RegionMeta> {
  return {
    id: info.id,
    startKey: encodeBound(info.start),
    endKey: encodeBound(info.end),
    regionEpoch: info.epoch,
    peers: info.peers,
  };
}

const regionId = 1n;
const leader12 = { notLeader: { regionId, leader: peer(12n, 2n) } };
const leader11 = { notLeader: { regionId, leader: peer(11n, 1n) } };
const noLeader = { notLeader: { regionId, leader: undefined } };
const busy = { serverIsBusy: { reason: 'x', backoffMs: 0n, estimatedWaitMs: 0 } };
const stale = { staleCommand: {} };
const split = [
  region(1n, ['a', 'f'], { epoch: { confVer: 3n, version: 6n } }),
  region(7n, ['f', 'm'], { epoch: { confVer: 3n, version: 6n } }),
];
const twoVoters = region(1n, ['a', 'm'], {
  peers: [peer(11n, 1n), peer(12n, 2n, { role: 1 }), peer(13n, 3n), peer(14n, 4n, { isWitness: true })],
});

type Expected = Partial<Outcome> & { readonly asked: string[] };

const rows: readonly (readonly [string, Setup, Expected])[] = [
  ['an answer', { steps: ['serve'] }, { asked: ['s1@0'], ends: 'answer' }],
  ['NotLeader with the leader: it is asked at once', { steps: [leader12] }, { asked: ['s1@0', 's2@0!'] }],
  [
    'NotLeader with a leader that the region does not have: relocate',
    { steps: [{ notLeader: { regionId, leader: peer(99n, 4n) } }] },
    { asked: ['s1@0'], ends: 'relocate', waitedMs: 2, forgotten: true },
  ],
  [
    'NotLeader in a circle: at once only so often',
    { steps: [leader12, leader11, leader12, leader11, leader12] },
    { asked: ['s1@0', 's2@0!', 's1@0!', 's2@0!', 's1@2!', 's2@2!'], waitedMs: 2 },
  ],
  [
    'NotLeader without a leader: the next peer',
    { steps: [noLeader] },
    { asked: ['s1@0', 's2@2!'], waitedMs: 2 },
  ],
  [
    'NotLeader without a leader from one that is elected then',
    { steps: [noLeader, leader11] },
    { asked: ['s1@0', 's2@2!', 's1@2!'], waitedMs: 2 },
  ],
  [
    'NotLeader without a leader from all peers: relocate',
    { steps: [noLeader, noLeader, noLeader] },
    { asked: ['s1@0', 's2@2!', 's3@6!'], ends: 'relocate', waitedMs: 14, forgotten: true },
  ],
  [
    'NotLeader without a leader: no learner and no witness is asked',
    { steps: [noLeader, noLeader], known: twoVoters },
    { asked: ['s1@0', 's3@2!'], ends: 'relocate', waitedMs: 6, forgotten: true },
  ],
  [
    'EpochNotMatch with newer regions: relocate at once, to those',
    { steps: [{ epochNotMatch: { currentRegions: split.map(meta) } }] },
    { asked: ['s1@0'], ends: 'relocate', waitedMs: 0, forgotten: false },
  ],
  [
    'EpochNotMatch from a store that is behind: again',
    {
      steps: [
        {
          epochNotMatch: {
            currentRegions: [meta(region(1n, ['a', 'z'], { epoch: { confVer: 3n, version: 4n } }))],
          },
        },
      ],
    },
    { asked: ['s1@0', 's1@2!'], ends: 'answer', waitedMs: 2 },
  ],
  [
    'EpochNotMatch from a store whose peers are behind: again',
    {
      steps: [
        {
          epochNotMatch: {
            currentRegions: [meta(region(1n, ['a', 'm'], { epoch: { confVer: 2n, version: 5n } }))],
          },
        },
      ],
    },
    { asked: ['s1@0', 's1@2!'], ends: 'answer', waitedMs: 2 },
  ],
  [
    'EpochNotMatch with the epoch that was asked for: no progress, so it waits',
    { steps: [{ epochNotMatch: { currentRegions: [meta(region(1n, ['a', 'm']))] } }] },
    { asked: ['s1@0'], ends: 'relocate', waitedMs: 2, forgotten: false },
  ],
  [
    'EpochNotMatch without regions: relocate',
    { steps: [{ epochNotMatch: { currentRegions: [] } }] },
    { asked: ['s1@0'], ends: 'relocate', waitedMs: 2, forgotten: true },
  ],
  [
    'RegionNotFound: relocate',
    { steps: [{ regionNotFound: { regionId } }] },
    { asked: ['s1@0'], ends: 'relocate', waitedMs: 2, forgotten: true },
  ],
  [
    'KeyNotInRegion: relocate',
    {
      steps: [
        {
          keyNotInRegion: {
            key: Buffer.from('b'),
            regionId,
            startKey: Buffer.alloc(0),
            endKey: Buffer.alloc(0),
          },
        },
      ],
    },
    { asked: ['s1@0'], ends: 'relocate', waitedMs: 2, forgotten: true },
  ],
  [
    'MismatchPeerId: relocate',
    { steps: [{ mismatchPeerId: { requestPeerId: 11n, storePeerId: 19n } }] },
    { asked: ['s1@0'], ends: 'relocate', waitedMs: 2, forgotten: true },
  ],
  [
    'StoreNotMatch: relocate',
    { steps: [{ storeNotMatch: { requestStoreId: 1n, actualStoreId: 4n } }] },
    { asked: ['s1@0'], ends: 'relocate', waitedMs: 2, forgotten: true },
  ],
  [
    'ServerIsBusy: again, 100 ms doubling, three quarters of it with the jitter in the middle',
    { steps: [busy, busy, busy] },
    { asked: ['s1@0', 's1@75!', 's1@225!', 's1@525!'], ends: 'answer' },
  ],
  [
    'StaleCommand: again; it may have been applied',
    { steps: [stale, stale] },
    { asked: ['s1@0', 's1@2!', 's1@6!'], ends: 'answer', maybeApplied: true },
  ],
  [
    'MaxTimestampNotSynced: again',
    { steps: [{ maxTimestampNotSynced: {} }, { maxTimestampNotSynced: {} }] },
    { asked: ['s1@0', 's1@2!', 's1@6!'] },
  ],
  [
    'RegionNotInitialized: again',
    { steps: [{ regionNotInitialized: { regionId } }] },
    { asked: ['s1@0', 's1@2!'] },
  ],
  [
    'ReadIndexNotReady: again',
    { steps: [{ readIndexNotReady: { reason: '', regionId } }] },
    { asked: ['s1@0', 's1@2!'] },
  ],
  [
    'ProposalInMergingMode: again',
    { steps: [{ proposalInMergingMode: { regionId } }] },
    { asked: ['s1@0', 's1@2!'] },
  ],
  [
    'DataIsNotReady: again, at once',
    { steps: [{ dataIsNotReady: { regionId, peerId: 11n, safeTs: 1n } }] },
    { asked: ['s1@0', 's1@0!'], waitedMs: 0 },
  ],
  [
    'DiskFull: again',
    { steps: [{ diskFull: { storeId: [1n], reason: '' } }] },
    { asked: ['s1@0', 's1@500!'] },
  ],
  [
    'DiskFull of a prewrite: an error',
    { steps: [{ diskFull: { storeId: [1n], reason: '' } }], method: 'KvPrewrite' },
    { asked: ['s1@0'], ends: 'disk_full', waitedMs: 0 },
  ],
  [
    'RecoveryInProgress: relocate',
    { steps: [{ recoveryInProgress: { regionId } }] },
    { asked: ['s1@0'], ends: 'relocate', waitedMs: 100, forgotten: true },
  ],
  [
    'IsWitness: relocate',
    { steps: [{ isWitness: { regionId } }] },
    { asked: ['s1@0'], ends: 'relocate', waitedMs: 1000, forgotten: true },
  ],
  [
    'RaftEntryTooLarge: an error',
    { steps: [{ raftEntryTooLarge: { regionId, entrySize: 9n } }] },
    { asked: ['s1@0'], ends: 'too_large', waitedMs: 0 },
  ],
  [
    'FlashbackInProgress: an error',
    { steps: [{ flashbackInProgress: { regionId, flashbackStartTs: 0n } }] },
    { asked: ['s1@0'], ends: 'flashback', waitedMs: 0 },
  ],
  [
    'FlashbackNotPrepared: an error',
    { steps: [{ flashbackNotPrepared: { regionId } }] },
    { asked: ['s1@0'], ends: 'flashback', waitedMs: 0 },
  ],
  [
    'UndeterminedResult: the caller decides',
    { steps: [{ undeterminedResult: { message: '' } }] },
    { asked: ['s1@0'], ends: 'relocate', waitedMs: 2, maybeApplied: true, forgotten: false },
  ],
  [
    'a message of an invalid timestamp: an error',
    { steps: [{ message: 'invalid max_ts update: 5' }] },
    { asked: ['s1@0'], ends: 'protocol', waitedMs: 0 },
  ],
  [
    'a message of a deadline: again',
    { steps: [{ message: 'Deadline is exceeded' }] },
    { asked: ['s1@0', 's1@2!'] },
  ],
  [
    'anything else: the next peer, then relocate',
    { steps: [{ message: '?' }, { message: '?' }, { bucketVersionNotMatch: { version: 1n, keys: [] } }] },
    { asked: ['s1@0', 's2@2!', 's3@6!'], ends: 'relocate', waitedMs: 14, forgotten: true },
  ],
  [
    'too many calls under way to be sent: the same peer, as often as it takes',
    { steps: Array.from({ length: 12 }, () => 'unsent' as const) },
    {
      asked: [0, 75, 225, 525, 1125, 2325, 3825, 5325, 6825, 8325, 9825, 11325, 12825].map(
        (ms) => `s1@${ms}`,
      ),
      ends: 'answer',
      waitedMs: 12_825,
    },
  ],
  [
    'no answer, surely not applied: the next peer',
    { steps: ['lost-before'] },
    { asked: ['s1@0', 's2@75!'], ends: 'answer', maybeApplied: false },
  ],
  [
    'no answer: the next peer, and it may have been applied',
    { steps: ['lost-after'] },
    { asked: ['s1@0', 's2@75!'], ends: 'answer', maybeApplied: true },
  ],
  [
    'no answer from any peer: relocate',
    { steps: ['lost-after', 'lost-before', 'lost-before'] },
    {
      asked: ['s1@0', 's2@75!', 's3@225!'],
      ends: 'relocate',
      maybeApplied: true,
      waitedMs: 525,
      forgotten: true,
    },
  ],
  [
    'no answer, and the next peer still believes in the one that is gone: the third',
    { steps: ['lost-before', leader11] },
    { asked: ['s1@0', 's2@75!', 's3@77!'], ends: 'answer', waitedMs: 77 },
  ],
  [
    'an error after a lost answer says that it may have been applied',
    { steps: ['lost-after', { raftEntryTooLarge: { regionId, entrySize: 9n } }] },
    { asked: ['s1@0', 's2@75!'], ends: 'too_large', maybeApplied: true },
  ],
  [
    'a store that is gone for good: the next peer',
    { steps: [], addresses: { 2: 's2', 3: 's3' } },
    { asked: ['s2@2!'], ends: 'answer', maybeApplied: false },
  ],
  [
    'ten times the same: the keys are looked up again',
    { steps: Array.from({ length: 20 }, () => stale) },
    {
      asked: [0, 2, 6, 14, 30, 62, 126, 254, 510, 1022].map((at) => `s1@${at}${at > 0 ? '!' : ''}`),
      ends: 'relocate',
      maybeApplied: true,
      waitedMs: 2022,
      forgotten: true,
    },
  ],
  [
    'a request that was sent before says so',
    { steps: ['serve'], options: { retryOf: true } },
    { asked: ['s1@0!'] },
  ],
];

describe('region errors', () => {
  test.each(rows)('%s', async (_, setup, expected) => {
    const { outcome } = await deliver(setup);
    expect(outcome).toEqual({
      ends: 'answer',
      maybeApplied: false,
      waitedMs: expected.waitedMs ?? outcome.waitedMs,
      forgotten: false,
      ...expected,
    });
  });

  test('no budget lasts for ever', async () => {
    const { outcome } = await deliver({ steps: Array.from({ length: 99 }, () => busy), budgetMs: 500 });
    expect(outcome.ends).toBe('unavailable');
    expect(outcome.waitedMs).toBeLessThanOrEqual(500);
    expect(outcome.maybeApplied).toBe(false);
    const late = await deliver({ steps: ['lost-after', busy, busy, busy, busy, busy, busy], budgetMs: 200 });
    expect(late.outcome).toMatchObject({ ends: 'unavailable', maybeApplied: true });
  });

  test('nothing is sent without time left', async () => {
    const { outcome } = await deliver({ steps: [], budgetMs: 0 });
    expect(outcome).toMatchObject({ asked: [], ends: 'unavailable', maybeApplied: false });
  });

  test('the regions that EpochNotMatch names are known from then on, the one that answered first', async () => {
    const { now } = await deliver({
      steps: [leader12, { epochNotMatch: { currentRegions: split.map(meta) } }],
    });
    expect(now).toMatchObject({
      id: 1n,
      end: Buffer.from('f'),
      epoch: { version: 6n },
      leader: { storeId: 2n },
    });
  });

  test('StoreNotMatch closes the connection', async () => {
    const { rpc } = await deliver({ steps: [{ storeNotMatch: { requestStoreId: 1n, actualStoreId: 4n } }] });
    expect(rpc.dropped).toEqual(['s1']);
  });

  test('who leads is remembered', async () => {
    for (const steps of [[leader12], [noLeader], ['lost-before']] as const) {
      const { located } = await deliver({ steps });
      expect(located.leader.storeId).toBe(2n);
    }
  });

  test('the context names region, epoch, peer, and what a read may do with locks', async () => {
    const options = { resolvedLocks: [1n], committedLocks: [2n], timeoutMs: 1234 };
    const { rpc } = await deliver({ steps: [leader12], options });
    expect(rpc.asked[1]?.context).toEqual({
      regionId: 1n,
      regionEpoch: { confVer: 3n, version: 5n },
      peer: peer(12n, 2n),
      isRetryRequest: true,
      resolvedLocks: [1n],
      committedLocks: [2n],
    });
    expect(rpc.asked[1]?.timeoutMs).toBe(1234);
  });

  test('no attempt may take longer than what is left, nor a store', async () => {
    const write = await deliver({ steps: [], method: 'KvCommit', budgetMs: 40_000 });
    expect(write.rpc.asked[0]).toMatchObject({
      timeoutMs: 30_000,
      context: { maxExecutionDurationMs: 20_000n },
    });
    const hurried = await deliver({ steps: [], method: 'KvCommit', budgetMs: 1500 });
    expect(hurried.rpc.asked[0]).toMatchObject({
      timeoutMs: 1500,
      context: { maxExecutionDurationMs: 1500n },
    });
    const scan = await deliver({ steps: [], method: 'KvScan', budgetMs: 100_000 });
    expect(scan.rpc.asked[0]?.timeoutMs).toBe(60_000);
    expect(scan.rpc.asked[0]?.context.maxExecutionDurationMs).toBeUndefined();
  });
});
