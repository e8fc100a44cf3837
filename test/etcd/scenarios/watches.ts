import { setTimeout as sleep } from 'node:timers/promises';
import type { Message } from '../protocol.ts';
import type { Family, Probe } from './probe.ts';

const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');
const ALL = { key: bytes('\0'), range_end: bytes('\0') };
const create = (fields: Message): Message => ({ create_request: fields });
const cancel = (watch_id: number | string): Message => ({ cancel_request: { watch_id } });
const put = (probe: Probe, key: string, value = '1') =>
  probe.ask('KV.Put', { key: bytes(key), value: bytes(value) });

async function revisionOf(probe: Probe): Promise<number> {
  const { message } = await probe.call('KV.Range', { key: bytes('x') });
  return Number((message['header'] as Message)['revision']);
}

async function ids(probe: Probe): Promise<void> {
  const watch = probe.open('Watch.Watch');
  const asked: Message[] = [
    create(ALL), create({ ...ALL, watch_id: 1 }), create(ALL), create({ ...ALL, watch_id: 1 }),
    create({ ...ALL, watch_id: 5 }), create({ ...ALL, watch_id: -1 }), create({ ...ALL, watch_id: -7 }),
    create({ ...ALL, watch_id: -7 }), cancel(1), create({ ...ALL, watch_id: 1 }), cancel(0), create(ALL), create(ALL),
    cancel(-7), cancel(-1), create({ ...ALL, watch_id: '9007199254740990' }), create(ALL), create(ALL),
  ]; // prettier-ignore
  for (const [i, message] of asked.entries())
    await watch.send(message).expect(`${i} ${JSON.stringify(message)}`, 1, 20);
  // No answer to a cancel of what is not there; nor to a message that asks for nothing.
  for (const message of [cancel(77), cancel(-3), cancel('9223372036854775807'), {}])
    await watch.send(message).expect(`silence ${JSON.stringify(message)}`, 0);
  await put(probe, 'ids');
  await watch.expect('each watcher gets it', 8);
}

async function ranges(probe: Probe): Promise<void> {
  const watch = probe.open('Watch.Watch');
  const asked: [string, string][] = [
    ['', ''], ['', '\0'], ['', 'b'], ['b', 'a'], ['b', 'b'], ['b', ''], ['b', '\0'], ['b', 'c'], ['\0', '\0'],
    ['\0', ''], ['\0', '\0\0'], ['\xff', ''], ['b', 'b\0'],
  ]; // prettier-ignore
  for (const [key, end] of asked)
    await watch
      .send(create({ key: bytes(key), ...(end === '' ? {} : { range_end: bytes(end) }) }))
      .expect(`range ${JSON.stringify([key, end])}`, 1, 10);
  for (const key of ['a', 'b', 'b\0', 'b/1', 'c', '\0', '\xff']) await put(probe, key);
  await watch.expect('events of each', 30);
  await watch.send(create({ ...ALL, filters: [0] })).expect('no puts', 1);
  await watch.send(create({ ...ALL, filters: [1] })).expect('no deletes', 1);
  await watch.send(create({ ...ALL, filters: [0, 1, 0] })).expect('neither', 1);
  await watch.send(create({ ...ALL, filters: [5, -1] })).expect('unknown filters', 1);
  await put(probe, 'f');
  await probe.ask('KV.DeleteRange', { key: bytes('f') });
  await watch.expect('filtered', 10);
}

async function starts(probe: Probe): Promise<void> {
  for (let i = 0; i < 6; i++) await put(probe, 's', String(i));
  await probe.ask('KV.DeleteRange', { key: bytes('s') });
  await put(probe, 's', 'again');
  const now = await revisionOf(probe);
  const least = '-9223372036854775808';
  const most = '9223372036854775807';
  const watch = probe.open('Watch.Watch');
  for (const start_revision of [now - 4, now, 1, 0, -1, least, now + 3])
    await watch.send(create({ key: bytes('s'), start_revision, prev_kv: true })).expect('start', 1);
  await watch.send({ progress_request: {} }).expect('no progress while one waits for the future', 0);
  for (let i = 0; i < 4; i++) await put(probe, 's', `later ${i}`);
  await watch.expect('the future comes', 16);
  await watch.send({ progress_request: {} }).expect('progress', 1);
  await probe.ask('KV.Compact', { revision: now - 1, physical: true });
  for (const start_revision of [now - 2, 1, now - 1, now])
    await watch
      .send(create({ key: bytes('s'), start_revision, prev_kv: true }))
      .expect(`compacted ${start_revision - now}`, start_revision < now - 1 ? 2 : 6);
  await watch.send({ progress_request: {} }).expect('no progress while compacted ones are there', 0);
  await probe.ask('KV.DeleteRange', { key: bytes('s') });
  await watch.expect('after compaction', 6);
  await watch.send(create({ key: bytes('s'), start_revision: most })).expect('the last revision', 1);
}

async function progress(probe: Probe): Promise<void> {
  const none = probe.open('Watch.Watch');
  await none.send({ progress_request: {} }).expect('a stream without watchers', 0);
  const watch = probe.open('Watch.Watch');
  await watch.send(create({ key: bytes('p') })).expect('created', 1);
  await watch.send({ progress_request: {} }).expect('in sync', 1);
  await put(probe, 'p');
  await watch.send({ progress_request: {} }).expect('after an event', 2);
  await put(probe, 'another');
  await watch.send({ progress_request: {} }).expect('after the event of another key', 1);
  await watch.send(cancel(0)).expect('cancelled', 1);
  await watch.send({ progress_request: {} }).expect('without watchers again', 0);
}

async function ticks(probe: Probe): Promise<void> {
  const watch = probe.open('Watch.Watch');
  const revision = await revisionOf(probe);
  await watch.send(create({ key: bytes('tick'), progress_notify: true })).take(1);
  await watch.send(create({ key: bytes('tick') })).take(1);
  await watch
    .send(create({ key: bytes('tick'), progress_notify: true, start_revision: revision + 2 }))
    .take(1);
  await sleep(1500);
  const quiet = await watch.take(0);
  const own = quiet.filter((each) => each['watch_id'] === '0');
  probe.note('about every 200 ms', own.length >= 4 && own.length <= 9);
  probe.note('form', own[0]);
  probe.note('none for those that did not ask', quiet.filter((each) => each['watch_id'] === '1').length);
  probe.note('none before the start', quiet.filter((each) => each['watch_id'] === '2').length);
  await put(probe, 'unrelated');
  await put(probe, 'unrelated');
  await sleep(700);
  const later = await watch.take(0);
  probe.note(
    'with the revision of now',
    later.findLast((each) => each['watch_id'] === '0'),
  );
  probe.note(
    'the future has come',
    later.findLast((each) => each['watch_id'] === '2'),
  );
}

async function endings(probe: Probe): Promise<void> {
  const half = probe.open('Watch.Watch');
  await half.send(create({ key: bytes('h') })).expect('created', 1);
  half.halfClose();
  await put(probe, 'h');
  await half.expect('watches go on after the client has finished sending', 1);
  for (const [label, hex] of [
    ['truncated', '0a05'], ['field number 0', '0a0002'], ['not a message', 'ffffffff'], ['a group without end', '0b'],
  ] as const) {
    const broken = probe.open('Watch.Watch');
    await broken.send(create({ key: bytes('h') })).expect('created', 1);
    broken.sendBytes(Buffer.from(hex, 'hex'));
    await broken.ends(`watch: ${label}`);
    const alive = probe.open('Lease.LeaseKeepAlive');
    alive.sendBytes(Buffer.from(hex, 'hex'));
    await alive.ends(`keep alive: ${label}`);
  } // prettier-ignore
  const idle = probe.open('Watch.Watch');
  idle.halfClose();
  await idle.expect('a stream that was closed at once', 0);
}

async function many(probe: Probe): Promise<void> {
  const COUNT = 10_000;
  const watch = probe.open('Watch.Watch');
  for (let i = 0; i < COUNT; i++) watch.send(create({ key: bytes('many') }));
  const created = await watch.take(COUNT);
  probe.note(
    'all are created, in order',
    created.every((each, i) => each['watch_id'] === String(i)),
  );
  await put(probe, 'many');
  const events = await watch.take(COUNT);
  probe.note('each gets the event', new Set(events.map((each) => each['watch_id'])).size);
  for (let i = 0; i < COUNT; i++) watch.send(cancel(i));
  probe.note('all are cancelled', (await watch.take(COUNT)).filter((each) => each['canceled']).length);
}

export const watches: Family = {
  name: 'watches',
  args: ['--watch-progress-notify-interval=200ms'],
  scenarios: { ids, ranges, starts, progress, ticks, endings, many },
};
