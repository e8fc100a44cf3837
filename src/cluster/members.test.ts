/** Who belongs to the cluster. Virtual time, a store that takes milliseconds, clocks that agree on nothing. */
import { describe, expect, it } from 'vitest';

import { listed, MembersWorld, names } from '../../test/support/cluster/members-world.ts';
import type { Node } from '../../test/support/cluster/members-world.ts';
import { EngineError } from '../engine/index.ts';
import { ClusterError } from './errors.ts';
import { decodeMembersRecord, EMPTY_MEMBERS, encodeMembersRecord, MEMBERS_MAX } from './members-record.ts';
import type { MembersRecord } from './members-record.ts';

async function three(knows = 1): Promise<{ it: MembersWorld; a: Node; b: Node; c: Node }> {
  const it = new MembersWorld();
  const [a, b, c] = [it.boot('a', { knows }), it.boot('b', { knows }), it.boot('c', { knows })];
  a.members.setLeading(true);
  await it.run(2000);
  return { it, a, b, c };
}

describe('members', () => {
  it('know one another, in the order of their names, with their URLs', async () => {
    const { a, b, c } = await three();
    for (const node of [a, b, c]) expect(listed(node)).toBe('a b c');
    expect(c.members.list()[0]).toEqual({
      name: 'a',
      incarnation: a.owner,
      peerUrls: ['http://a:2380'],
      clientUrls: ['http://a:2379'],
    });
  });

  it('are not listed after ten silent seconds, and are taken out by the leader after sixty', async () => {
    const { it, a, b, c } = await three();
    it.kill(c);
    await it.run(8500);
    for (const node of [a, b]) expect(listed(node)).toBe('a b c');
    await it.run(4000);
    for (const node of [a, b]) expect(listed(node)).toBe('a b');
    await it.run(46_000);
    expect(names(it.record)).toBe('a b c');
    await it.run(4000);
    expect(names(it.record)).toBe('a b');
  });

  it('are not taken out by anybody but the leader', async () => {
    const { it, a, c } = await three();
    a.members.setLeading(false);
    it.kill(c);
    await it.run(100_000);
    expect(names(it.record)).toBe('a b c');
    a.members.setLeading(true);
    await it.run(2000);
    expect(names(it.record)).toBe('a b');
  });

  it('are not dead for a reader who could not read', async () => {
    const { it, a, b, c } = await three();
    it.store.cutOff.add(a.owner);
    await it.run(120_000);
    expect(listed(a)).toBe('a b c');
    expect([listed(b), listed(c)]).toEqual(['b c', 'b c']);
    it.store.cutOff.clear();
    await it.run(3000);
    for (const node of [a, b, c]) expect(listed(node)).toBe('a b c');
  });

  it('are not dead when nobody could write', async () => {
    const { it, a, b, c } = await three();
    for (const node of [a, b, c]) it.store.cutOff.add(node.owner);
    await it.run(120_000);
    // The leader is the first to be back.
    it.store.cutOff.delete(a.owner);
    for (let i = 0; i < 300; i++) {
      await it.run(10);
      if (i === 150) it.store.cutOff.clear();
      expect(names(it.record)).toBe('a b c');
    }
    for (const node of [a, b, c]) {
      expect(listed(node)).toBe('a b c');
      expect(node.warnings).toEqual(['the members record cannot be read now, it is tried again']);
    }
  });

  it('register again when they have been taken out', async () => {
    const { it, a, b, c } = await three();
    it.world.stall(c.owner, 70_000);
    await it.run(68_000);
    expect(names(it.record)).toBe('a b');
    await it.run(5000);
    expect(names(it.record)).toBe('a b c');
    for (const node of [a, b, c]) expect(listed(node)).toBe('a b c');
    expect(c.refusals).toEqual([]);
  });

  it('begin the record again when it is gone, with the format that was written', async () => {
    const { it } = await three(2);
    await it.run(2000);
    expect(it.record?.writes).toBe(2);
    await it.write(undefined);
    await it.run(3000);
    expect(names(it.record)).toBe('a b c');
    expect(it.records.slice(it.records.lastIndexOf(undefined) + 1).map((record) => record?.writes)).toEqual(
      Array.from({ length: it.records.length - it.records.lastIndexOf(undefined) - 1 }, () => 2),
    );
  });

  it('can be as many as the bound says', async () => {
    const it = new MembersWorld();
    const nodes = Array.from({ length: MEMBERS_MAX }, (_, i) => it.boot(`n${i}`));
    await it.run(20_000);
    expect(new Set(nodes.map(({ state }) => state))).toEqual(new Set(['started']));
    expect(nodes[0]?.members.list()).toHaveLength(MEMBERS_MAX);
    const late = it.boot('late');
    await it.run(2000);
    expect(late.state).toBe('too-many-members');
    expect(late.error?.message).toMatch(/it has 64 members already/);
    // All of them go on living side by side.
    await it.run(20_000);
    expect(nodes[0]?.members.list()).toHaveLength(MEMBERS_MAX);
  });

  it('cannot fill the record alone', async () => {
    const it = new MembersWorld();
    const node = it.boot('a', { urls: Array.from({ length: 300 }, (_, i) => `http://host-${i}:2380`) });
    await it.run(1000);
    expect(node.state).toBe('too-many-members');
    expect(it.records).toEqual([]);
  });
});

describe('a second node of a name', () => {
  it('is refused while the first lives', async () => {
    const { it, a } = await three();
    const second = it.boot('a');
    await it.run(2500);
    expect(second.state).toBe('name-taken');
    expect(second.error?.message).toMatch(/another node is named "a" at http:\/\/a:2380 \(give each/);
    await it.run(5000);
    expect([a.state, a.refusals]).toEqual(['started', []]);
    expect(it.record?.members.filter(({ name }) => name === 'a')).toMatchObject([{ incarnation: a.owner }]);
  });

  it('is taken within three seconds after the first has crashed', async () => {
    const { it, a } = await three();
    for (let round = 0, last = a; round < 5; round++) {
      await it.run(130 * round);
      it.kill(last);
      const crashedMs = it.world.nowMs();
      last = it.boot('a');
      await it.run(3000);
      expect(last.state).toBe('started');
      expect(last.startedMs - crashedMs).toBeGreaterThanOrEqual(2500);
    }
    expect(names(it.record)).toBe('a b c');
  });

  it('is taken at once after the first has stopped', async () => {
    const { it, a } = await three();
    expect(await it.stop(a)).toBeLessThan(50);
    expect(names(it.record)).toBe('b c');
    const atMs = it.world.nowMs();
    const second = it.boot('a');
    await it.run(1000);
    expect(second.startedMs - atMs).toBeLessThan(50);
  });

  it('is refused although the store did not answer while it looked', async () => {
    const { it } = await three();
    const second = it.boot('a');
    await it.run(300);
    for (const { owner } of it.nodes) it.store.cutOff.add(owner);
    await it.run(10_000);
    it.store.cutOff.delete(second.owner);
    await it.run(1000);
    it.store.cutOff.clear();
    await it.run(4000);
    expect(second.state).toBe('name-taken');
  });

  it('wins against one that stood still for long, which is told so', async () => {
    const { it, a } = await three();
    it.world.stall(a.owner, 10_000);
    const second = it.boot('a');
    await it.run(4000);
    expect(second.state).toBe('started');
    await it.run(10_000);
    expect(a.refusals).toEqual(['name-taken']);
    expect(second.refusals).toEqual([]);
    expect(it.record?.members.filter(({ name }) => name === 'a')).toMatchObject([
      { incarnation: second.owner },
    ]);
  });

  it('is one of two that start at once', async () => {
    const it = new MembersWorld();
    const both = [it.boot('a'), it.boot('a')];
    await it.run(4000);
    expect(both.map(({ state }) => state).sort()).toEqual(['name-taken', 'started']);
  });
});

describe('stopping', () => {
  it('takes a second at most when the store does not answer', async () => {
    const { it, a } = await three();
    it.store.cutOff.add(a.owner);
    await it.run(500);
    expect(await it.stop(a)).toBeLessThan(1010);
  });

  it('ends a start that is under way, and leaves nothing behind', async () => {
    const { it, a } = await three();
    it.kill(a);
    const second = it.boot('a');
    await it.run(1000);
    expect(await it.stop(second)).toBeLessThan(50);
    expect(second.state).toBe('members-stopped');
    expect(it.record?.members.some(({ incarnation }) => incarnation === second.owner)).toBe(false);
  });
});

describe('the format that all know', () => {
  it('promise 10: is raised by the leader once the last member knows it, and not before', async () => {
    const it = new MembersWorld();
    const old = it.boot('a', { knows: 1 });
    const [b, c] = [it.boot('b', { knows: 2 }), it.boot('c', { knows: 3 })];
    b.members.setLeading(true);
    await it.run(5000);
    expect([old, b, c].map(({ members }) => members.writes())).toEqual([1, 1, 1]);
    await it.stop(old);
    it.boot('a', { knows: 2 });
    await it.run(3000);
    expect(it.nodes.slice(1).map(({ members }) => members.writes())).toEqual([2, 2, 2]);
    expect(it.record?.writes).toBe(2);
  });

  it('is not raised by anybody but the leader', async () => {
    const { it, a } = await three(2);
    expect(a.members.writes()).toBe(2);
    const other = new MembersWorld();
    const [b] = [other.boot('b', { knows: 2 }), other.boot('c', { knows: 2 })];
    await other.run(10_000);
    expect([it.record?.writes, b.members.writes()]).toEqual([2, 1]);
  });

  it('is not raised without a leader, and counts members that are silent but not taken out', async () => {
    const it = new MembersWorld();
    const [a, b] = [it.boot('a', { knows: 2 }), it.boot('b', { knows: 2 })];
    const old = it.boot('c', { knows: 1 });
    await it.run(3000);
    it.kill(old);
    a.members.setLeading(true);
    await it.run(58_000);
    expect([listed(a), b.members.writes()]).toEqual(['a b', 1]);
    await it.run(5000);
    expect([names(it.record), b.members.writes()]).toEqual(['a b', 2]);
  });

  it('promise 10: refuses a node that comes later and knows less, with both numbers', async () => {
    const { it } = await three(2);
    await it.run(2000);
    const old = it.boot('d', { knows: 1 });
    await it.run(1000);
    expect(old.state).toBe('format-too-old');
    expect(old.error?.message).toMatch(/writes chunk format 2 and this program knows formats up to 1 \(use/);
    expect(names(it.record)).toBe('a b c');
    // Also when all others are gone.
    for (const node of it.nodes.slice(0, 3)) await it.stop(node);
    expect(it.record?.members).toEqual([]);
    const older = it.boot('a', { knows: 1 });
    await it.run(1000);
    expect(older.state).toBe('format-too-old');
  });

  it('promise 10: refuses a node that was away for so long that it was raised without it', async () => {
    const it = new MembersWorld();
    const [old] = [it.boot('a', { knows: 1 }), it.boot('b', { knows: 2 }).members.setLeading(true)];
    await it.run(2000);
    it.store.cutOff.add(old.owner);
    await it.run(70_000);
    expect(it.record?.writes).toBe(2);
    expect(old.members.writes()).toBe(1);
    it.store.cutOff.clear();
    await it.run(3000);
    expect(old.refusals).toEqual(['format-too-old']);
    expect(old.members.writes()).toBe(1);
    expect(names(it.record)).toBe('b');
  });
});

describe('the members record', () => {
  const member = {
    ...{ name: 'a', incarnation: 'a#1', peerUrls: ['http://a:2380'], clientUrls: [] },
    ...{ knows: 1, counter: 7 },
  };
  const record: MembersRecord = { change: 3, writes: 1, members: [member] };
  const change = (edit: (json: Record<string, unknown>, first: Record<string, unknown>) => void): Buffer => {
    const json = JSON.parse(Buffer.from(encodeMembersRecord(record)).toString()) as {
      members: Record<string, unknown>[];
    };
    edit(json, json.members[0]!);
    return Buffer.from(JSON.stringify(json));
  };

  it('promise 10: is as it always was, and reads back', () => {
    const text =
      '{"format":1,"change":3,"writes":1,"members":[{"name":"a","incarnation":"a#1",' +
      '"peerUrls":["http://a:2380"],"clientUrls":[],"knows":1,"counter":7}]}';
    expect(Buffer.from(encodeMembersRecord(record)).toString()).toBe(text);
    expect(decodeMembersRecord(Buffer.from(text))).toEqual(record);
    expect(decodeMembersRecord(encodeMembersRecord(EMPTY_MEMBERS))).toEqual(EMPTY_MEMBERS);
  });

  it.each([
    ['cut', Buffer.from(encodeMembersRecord(record).subarray(0, 50))],
    ['null', Buffer.from('null')],
    ['an array', Buffer.from('[]')],
    ['empty', Buffer.alloc(0)],
    ['without a format', change((json) => delete json['format'])],
    ['of format 0', change((json) => (json['format'] = 0))],
    ['of a format that is text', change((json) => (json['format'] = '2'))],
    ['without a change', change((json) => delete json['change'])],
    ['of a change below 0', change((json) => (json['change'] = -1))],
    ['of no writes', change((json) => (json['writes'] = 0))],
    ['of half a format', change((json) => (json['writes'] = 1.5))],
    ['without members', change((json) => delete json['members'])],
    ['of members that are none', change((json) => (json['members'] = [null]))],
    ['of a member without a name', change((_json, first) => delete first['name'])],
    ['of a member without an incarnation', change((_json, first) => (first['incarnation'] = 5))],
    ['of a URL that is no text', change((_json, first) => (first['peerUrls'] = [1]))],
    ['of URLs that are no list', change((_json, first) => (first['clientUrls'] = 'x'))],
    ['of a member that knows nothing', change((_json, first) => (first['knows'] = 0))],
    ['of a counter that is too large', change((_json, first) => (first['counter'] = 2 ** 60))],
    ['of two members of a name', encodeMembersRecord({ ...record, members: [member, member] })],
    ['of a member that cannot read what is written', encodeMembersRecord({ ...record, writes: 2 })],
    [
      'of too many',
      encodeMembersRecord({
        ...record,
        members: Array.from({ length: MEMBERS_MAX + 1 }, (_, i) => ({ ...member, name: `${i}` })),
      }),
    ],
  ])('that is %s is damaged', (_what, bytes) => {
    const read = (): unknown => decodeMembersRecord(bytes);
    expect(read).toThrow(ClusterError);
    expect(read).toThrow(expect.objectContaining({ code: 'record-damaged' }) as Error);
    expect(read).toThrow(/Cannot read the members record: .* \(stop all nodes, delete it/);
  });

  it('of a newer format is refused with both numbers, whatever is in it', () => {
    const read = (): unknown => decodeMembersRecord(Buffer.from('{"format":2}'));
    expect(read).toThrow(expect.objectContaining({ code: 'record-format' }) as Error);
    expect(read).toThrow(/has format 2 and this program knows 1/);
  });

  it.each([
    ['record-damaged', '{"format":1}'],
    ['record-format', '{"format":2}'],
  ])('stops a start with %s, and is left as it is', async (code, text) => {
    const it = new MembersWorld();
    await it.write(Buffer.from(text));
    const node = it.boot('a');
    await it.run(1000);
    expect(node.state).toBe(code);
    expect(it.records).toEqual([]);
  });

  it('does not stop a node that runs when it is damaged, and is written again when it is gone', async () => {
    const { it, a, b, c } = await three();
    await it.write(Buffer.from('garbage'));
    const count = it.records.length;
    await it.run(20_000);
    expect(it.records).toHaveLength(count);
    expect(listed(a)).toBe('a b c');
    await it.write(undefined);
    await it.run(4000);
    expect(names(it.record)).toBe('a b c');
    for (const node of [a, b, c]) {
      expect(node.refusals).toEqual([]);
      expect(node.warnings).toEqual(['the members record cannot be read']);
    }
  });

  it('does not stop a node that runs when the engine refuses to read it, whatever the reason', async () => {
    const { it, a, b, c } = await three();
    it.refusal = new EngineError('corrupt', 'an answer that makes no sense');
    await it.run(20_000);
    it.refusal = undefined;
    await it.run(4000);
    for (const node of [a, b, c]) {
      expect(node.refusals).toEqual([]);
      expect(node.warnings).toEqual(['the members record cannot be read']);
      expect(listed(node)).toBe('a b c');
    }
  });
});
