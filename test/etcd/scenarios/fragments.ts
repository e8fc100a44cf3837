import type { Message } from '../protocol.ts';
import type { Family, Probe } from './probe.ts';

const bytes = (text: string): Buffer => Buffer.from(text);
const KEYS = { key: bytes('k'), range_end: bytes('l') };

/** One revision of more than 2 MiB: a range of large keys is deleted, and each event has its previous pair. */
async function deletes(probe: Probe, valueBytes: number, count: number): Promise<void> {
  const [split, whole] = [probe.open('Watch.Watch'), probe.open('Watch.Watch')];
  for (let i = 0; i < count; i++)
    await probe.call('KV.Put', { key: bytes(`k${i}`), value: Buffer.alloc(valueBytes, 65 + i) });
  const asked = { ...KEYS, prev_kv: true };
  await split.send({ create_request: { ...asked, fragment: true } }).expect('created', 1);
  await whole.send({ create_request: asked }).expect('created', 1);
  const { message } = await probe.ask('KV.DeleteRange', KEYS);
  const shape = (each: Message) => ({ ...each, events: (each['events'] as Message[]).length });
  const parts = await split.take(count);
  probe.note('parts', parts.map(shape));
  probe.note('whole', (await whole.take(count)).map(shape));
  const start_revision = Number((message['header'] as Message)['revision']);
  split.send({ create_request: { ...asked, fragment: true, start_revision } });
  probe.note('parts when catching up', (await split.take(count + 1)).map(shape));
  probe.note(
    'events',
    parts.flatMap((each) => each['events'] as Message[]),
  );
}

export const fragments: Family = {
  name: 'fragments',
  scenarios: {
    ofFive: (probe) => deletes(probe, 700_000, 5),
    belowTheLimit: (probe) => deletes(probe, 699_000, 2),
    // Two events that together are just below, at and above 2 MiB.
    near: async (probe) => {
      for (let over = -6; over <= 6; over++) await deletes(probe, 1_048_505 + over, 2);
    },
    oneEvent: (probe) => deletes(probe, 1_500_000, 1),
    oneEventEach: (probe) => deletes(probe, 1_500_000, 3),
  },
};
