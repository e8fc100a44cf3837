/** Goal: the judges of test:cluster pass what an etcd may do, and find each thing that it may not. */

import { describe, expect, test } from 'vitest';
import { addLine, emptyHistory } from '../cluster/history.ts';
import type { Change, Get, History, LeaseEvent, Put, Watched } from '../cluster/history.ts';
import { judge } from '../cluster/judge.ts';
import type { LeaseExpectations } from '../cluster/judge-leases.ts';
import { lengthMs, longestGap } from '../cluster/load.ts';

const KEY = 'p/key/1';

function put(revision: number, startMs: number, wishes: Partial<Put> = {}): Put {
  return {
    ...{ kind: 'put', endpoint: 0, startMs, endMs: startMs + 1, revision, key: KEY, value: `v${revision}` },
    ...wishes,
  };
}

function get(revision: number, modified: number, startMs: number, wishes: Partial<Get> = {}): Get {
  return {
    ...{ kind: 'get', endpoint: 1, startMs, endMs: startMs + 1, revision, modified },
    ...{ key: KEY, value: modified === 0 ? '' : `v${modified}`, isSerializable: false },
    ...wishes,
  };
}

const change = (revision: number, key = KEY, value = `v${revision}`): Change => ({
  ...{ revision, key, value, deleted: false },
});

const deletion = (revision: number, key: string): Change => ({ revision, key, value: '', deleted: true });

function response(watcher: number, changes: readonly Change[], wishes: Partial<Watched> = {}): Watched {
  const revision = changes.at(-1)?.revision ?? 0;
  return {
    kind: 'watched',
    watcher,
    endpoint: watcher,
    atMs: revision * 10 + 5,
    revision,
    changes,
    ...wishes,
  };
}

const lease = (kind: LeaseEvent['kind'], holder: number, key: string): LeaseEvent => ({
  ...{ kind, holder, key, startMs: 20, endMs: 21, lease: 7, ttlSeconds: 1 },
});

/** Five revisions, all seen by two watchers, and a lease that is kept alive. */
function whole(): History {
  const changes = [
    change(2),
    change(3),
    change(4, 'p/kept/0', 'held'),
    change(5, 'p/key/2'),
    change(6, 'p/end'),
  ];
  return {
    puts: [
      put(2, 20),
      put(3, 30),
      put(4, 40, { key: 'p/kept/0', value: 'held' }),
      put(0, 50, { key: 'p/key/2', value: 'v5', error: 'etcdserver: request timed out' }),
      put(6, 60, { key: 'p/end' }),
    ],
    gets: [
      get(3, 3, 32),
      get(5, 3, 55, { isSerializable: true }),
      get(2, 2, 56, { isSerializable: true }),
      get(3, 0, 33, { key: 'p/key/2' }),
    ],
    alls: [
      { kind: 'all', endpoint: 0, startMs: 70, endMs: 71, revision: 6, keys: [changes[1]!, changes[3]!] },
    ],
    watched: [
      response(0, changes.slice(0, 2)),
      response(0, [], { revision: 3 }),
      response(0, [], { kind: 'watch-ended', error: 'etcdserver: no leader' }),
      response(0, changes.slice(2)),
      response(1, changes),
    ],
    leases: [lease('grant', 0, 'p/kept/0'), lease('kept', 0, 'p/kept/0')],
  };
}

/** The same, with one thing changed. */
function spoilt(spoil: (history: History) => void): History {
  const history = whole();
  spoil(history);
  return history;
}

/** With a lease that nobody keeps alive, granted at 20 ms for a second, whose key goes at `goneMs`. */
function withLeft(goneMs: number | undefined): History {
  const left = put(7, 21, { key: 'p/left/0' });
  const seen = [change(7, 'p/left/0')];
  const gone = goneMs === undefined ? [] : [deletion(8, 'p/left/0')];
  const end = change(9, 'p/end');
  return {
    ...emptyHistory(),
    puts: [left, put(9, 9000, { key: 'p/end' })],
    watched: [
      response(0, seen),
      response(0, gone, { atMs: goneMs ?? 0 }),
      response(0, [end], { atMs: 9001 }),
    ],
    leases: [lease('grant', -1, 'p/left/0')],
  };
}

describe('the judges of a history', () => {
  test('find nothing wrong with what is right', () => {
    expect(judge(whole())).toEqual([]);
    expect(judge(withLeft(1100))).toEqual([]);
    expect(judge(withLeft(1100), { overdueMsMax: 500 })).toEqual([]);
    expect(judge(withLeft(undefined))).toEqual([]);
  });

  test.each<readonly [string, (history: History) => void, RegExp]>([
    [
      'an acknowledged write that is nowhere',
      ({ puts }) => puts.push(put(4, 41, { value: 'gone' })),
      /acknowledged write .* is lost: it is nowhere/,
    ],
    [
      'an acknowledged write that is elsewhere',
      ({ puts }) => (puts[1] = put(5, 30, { value: 'v3' })),
      /acknowledged write .* is lost: it is at 3/,
    ],
    [
      'a write that was sent twice',
      ({ watched }) => (watched[4] = response(1, [change(2), change(3), change(4, KEY, 'v3')])),
      /was written before, at 3/,
    ],
    [
      'a write that was said to have no effect',
      ({ puts }) => (puts[1] = put(0, 30, { value: 'v3', error: 'etcdserver: leader changed' })),
      /p\/key\/1=v3 at 3 was refused as without effect/,
    ],
    ['a change that nobody wrote', ({ puts }) => puts.splice(3, 1), /nobody wrote p\/key\/2=v5 at 5/],
    [
      'an error that no client should see',
      ({ puts }) => puts.push(put(0, 1, { value: 'x', error: 'etcdserver: corrupt cluster' })),
      /a call failed otherwise: etcdserver: corrupt/,
    ],
    [
      'a read that began after a write and has not its revision',
      ({ gets }) => gets.push(get(2, 2, 35)),
      /a stale read/,
    ],
    [
      'a read that is older than one before',
      ({ gets }) => gets.push(get(5, 3, 42), get(4, 3, 45)),
      /get at endpoint 1 has revision 4, .* after the end of a get .* with 5: a stale read/,
    ],
    [
      'a write that is older than one before',
      ({ puts }) => (puts[0] = put(2, 35)),
      /put at endpoint 0 has revision 2, .*: out of order/,
    ],
    [
      'a linearizable read of another value than that of its revision',
      ({ gets }) => (gets[0] = get(3, 2, 32)),
      /a linearizable read of p\/key\/1 at endpoint 1 and revision 3 has 2 \(v2\), not 3/,
    ],
    [
      'a serializable one',
      ({ gets }) => (gets[1] = get(5, 2, 55, { isSerializable: true })),
      /a serializable read .* has 2 \(v2\), not 3/,
    ],
    [
      'a key that is read before it was written',
      ({ gets }) => (gets[3] = get(3, 5, 33, { key: 'p/key/2' })),
      /has 5 \(v5\), not 0/,
    ],
    [
      'an endpoint that lacks a key at the end',
      ({ alls }) => alls.push({ ...alls[0]!, endpoint: 2, keys: [change(3)] }),
      /at the end, endpoint 2 has p\/key\/2 of no revision, not of 5/,
    ],
    [
      'a watcher that loses a change',
      ({ watched }) => watched.splice(0, 1, response(0, [change(2)])),
      /watcher 0 at endpoint 0 lost p\/key\/1=v3 at 3/,
    ],
    [
      'a watcher that sees one again',
      ({ watched }) => watched.splice(1, 1, response(0, [change(3)])),
      /saw p\/key\/1=v3 at 3 again/,
    ],
    [
      'a watcher that sees them in another order',
      ({ watched }) => watched.splice(0, 1, response(0, [change(3), change(2)])),
      /saw p\/key\/1=v3 at 3 before .*: out of order/,
    ],
    [
      'a watcher that does not come to the end',
      ({ watched }) => watched.splice(3, 1),
      /watcher 0 at endpoint 0 has not seen the end/,
    ],
    [
      'watchers none of which comes to the end',
      ({ watched }) => watched.splice(3, 2, response(1, [change(2), change(3)])),
      /no watcher saw the end/,
    ],
    [
      'a watcher that sees what its progress said to be over',
      ({ watched }) => watched.splice(1, 1, response(0, [], { revision: 5 })),
      /watcher 0 at endpoint 0 saw p\/kept\/0=held at 4 after progress at 5/,
    ],
    [
      'watchers that see different things',
      ({ watched }) => (watched[4] = response(1, [change(2), change(3, KEY, 'other')])),
      /watcher 1 saw p\/key\/1=other at 3, another one p\/key\/1=v3 at 3: they differ/,
    ],
    [
      'a watcher whose history is gone',
      ({ watched }) => (watched[2] = response(0, [], { kind: 'watch-ended', error: 'compacted' })),
      /was ended: compacted/,
    ],
    [
      'a lease that is lost though it is kept alive',
      ({ leases }) => leases.push(lease('lost', 0, 'p/kept/0')),
      /the lease of p\/kept\/0 was lost/,
    ],
  ])('find %s', (_, spoil, found) => {
    const violations = judge(spoilt(spoil));
    expect(
      violations.filter((text) => found.test(text)),
      violations.join('\n'),
    ).not.toEqual([]);
  });

  test('find a key that goes while its lease is kept alive', () => {
    const history = whole();
    const gone = deletion(5, 'p/kept/0');
    history.watched.push(response(0, [gone]));
    expect(judge(history).join('\n')).toMatch(/the deletion of p\/kept\/0 at 5 came though its lease/);
  });

  test.each<readonly [string, number | undefined, LeaseExpectations, RegExp]>([
    ['too soon', 900, {}, /p\/left\/0 went 120 ms before its lease was over/],
    ['too late', 1600, { overdueMsMax: 500 }, /p\/left\/0 was there 579 ms after its lease was over/],
    ['never', undefined, { overdueMsMax: 500 }, /p\/left\/0 was there 7980 ms after/],
  ])('find a lease that ends %s', (_, goneMs, expectations, found) => {
    expect(judge(withLeft(goneMs), expectations).join('\n')).toMatch(found);
  });
});

describe('a history', () => {
  test('is read from the lines of the load', () => {
    const history = emptyHistory();
    const lines = [
      '{"t":"put","who":3,"e":-1,"s":1000000,"n":2500000,"r":9,"k":"a","v":"1."}',
      '{"t":"get","who":0,"e":2,"s":1000000,"n":2000000,"k":"a","z":true,"err":"no"}',
      '{"t":"watch","who":1,"e":0,"n":3000000,"r":9,"ch":[{"r":9,"k":"a","v":"1."},{"r":9,"k":"b","d":true}]}',
      '{"t":"watch-end","who":1,"e":0,"n":3000000,"err":"etcdserver: no leader"}',
      '{"t":"lost","who":2,"e":-1,"n":4000000,"k":"l","l":5}',
      '{"t":"ended","who":0,"e":0,"n":4000000}',
    ];
    const types = lines.map((line) => addLine(history, line));
    expect(types).toEqual(['put', 'get', 'watch', 'watch-end', 'lost', 'ended']);
    expect(history.puts).toMatchObject([{ endpoint: -1, startMs: 1, endMs: 2.5, revision: 9, value: '1.' }]);
    expect(history.gets).toMatchObject([{ endpoint: 2, isSerializable: true, error: 'no', revision: 0 }]);
    expect(history.watched.map(({ kind }) => kind)).toEqual(['watched', 'watch-ended']);
    expect(history.watched[0]?.changes[1]).toEqual({ revision: 9, key: 'b', value: '', deleted: true });
    expect(history.leases).toMatchObject([{ kind: 'lost', holder: 2, lease: 5 }]);
  });

  test('has gaps in which nothing was acknowledged', () => {
    const puts = [10, 20, 90, 95].map((ms) => put(ms, ms - 1));
    const history = { ...emptyHistory(), puts: [...puts, put(0, 50, { error: 'lost' })] };
    expect(lengthMs(longestGap(history, { fromMs: 0, toMs: 100 }))).toBe(70);
    expect(lengthMs(longestGap(history, { fromMs: 0, toMs: 300 }))).toBe(205);
    expect(lengthMs(longestGap(history, { fromMs: 12, toMs: 80 }))).toBe(60);
  });
});
