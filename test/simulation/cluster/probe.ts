import type { Answer, Call, CallRecord } from '../history.ts';
import { KEYS } from '../profile.ts';
import type { World } from '../world.ts';
import type { Fleet } from './fleet.ts';

/** Numbers of clients: those of others are lower. */
const CLIENT_MIN = 60_000;
const PAUSE_MS = 50;

export interface ProbeParts {
  readonly world: World;
  readonly fleet: Fleet;
  readonly name: string;
  readonly records: CallRecord[];
  readonly timeoutMs: number;
}

/** Resolves once a write and then a linearizable read have succeeded through the node. */
export async function probe(parts: ProbeParts): Promise<void> {
  const key = KEYS[0];
  for (let at = 0; ; at++) {
    const id = `probe-${parts.name}-${at}`;
    const written = await call(parts, { kind: 'put', id, key, lease: 0n });
    if (written?.kind !== 'written') continue;
    const read = { kind: 'read', id: `${id}-read`, key, end: '', revision: 0 } as const;
    const answer = await call(parts, { ...read, serializable: false, limit: 0 });
    if (answer?.kind === 'read') return;
  }
}

async function call(parts: ProbeParts, asked: Call): Promise<Answer | undefined> {
  const { world, fleet, name, records, timeoutMs } = parts;
  await world.sleep('clients', PAUSE_MS);
  const member = fleet.members.get(name);
  if (member?.isServing !== true) return undefined;
  const startMs = world.nowMs();
  const answer = await new Promise<Answer>((resolve) => {
    world.schedule('clients', timeoutMs, () => resolve({ kind: 'unknown' }));
    member.call(asked, { pad: ';', ttl: 2 }, (found) => world.schedule('clients', 0.5, () => resolve(found)));
  });
  const client = CLIENT_MIN + records.length;
  records.push({ client, by: member.owner, call: asked, startMs, endMs: world.nowMs(), answer });
  return answer;
}
