/** Where a row's calls are sent to. */
export type Place = 'leader' | 'follower';
export type CallKind = 'put' | 'range' | 'rangeSerializable';

/** A line of the table: calls of one kind, from so many clients, to one node of a cluster of so many. */
export interface Row {
  readonly name: string;
  readonly nodes: number;
  readonly place: Place;
  readonly kind: CallKind;
  /** Each has one call under way; undefined: calls are sent at a rate. */
  readonly clients: number | undefined;
  /** Calls that are sent a second, whatever the answers take; 0 for clients. Reads only. */
  readonly rate: number;
}

const words: Readonly<Record<CallKind, string>> = {
  put: 'put',
  range: 'range-linearizable',
  rangeSerializable: 'range-serializable',
};

const titles: Readonly<Record<CallKind, string>> = {
  put: 'Put',
  range: 'Range of a key, linearizable',
  rangeSerializable: 'Range of a key, serializable',
};

/** Many show what a call costs, more how far it can be shared; one shows how long it takes. */
const MANY = 256;
const MORE = 1000;
/**
 * Clients that wait for an answer ask a slower node less often, so it finds fewer calls in what it reads at once, and pays
 * more for each: at one rate for all places, the calls come alike.
 */
const RATE = 100_000;

function row(nodes: number, place: Place, call: { kind: CallKind; clients?: number }): Row {
  const { kind, clients = MANY } = call;
  return { name: `${words[kind]}-${clients}-${place}-of-${nodes}`, nodes, place, kind, clients, rate: 0 };
}

function readsAtRate(nodes: number, place: Place): Row {
  const name = `${words.range}-at-rate-${place}-of-${nodes}`;
  return { name, nodes, place, kind: 'range', clients: undefined, rate: RATE };
}

/** All rows; those of one number of nodes are measured on the same start of them. */
export const rows: readonly Row[] = [1, 2, 3].flatMap((nodes) => [
  row(nodes, 'leader', { kind: 'put' }),
  row(nodes, 'leader', { kind: 'range' }),
  row(nodes, 'leader', { kind: 'range', clients: MORE }),
  readsAtRate(nodes, 'leader'),
  row(nodes, 'leader', { kind: 'rangeSerializable' }),
  row(nodes, 'leader', { kind: 'put', clients: 1 }),
  row(nodes, 'leader', { kind: 'range', clients: 1 }),
  ...(nodes === 1
    ? []
    : [
        row(nodes, 'follower', { kind: 'put' }),
        row(nodes, 'follower', { kind: 'range' }),
        row(nodes, 'follower', { kind: 'range', clients: MORE }),
        readsAtRate(nodes, 'follower'),
        row(nodes, 'follower', { kind: 'rangeSerializable' }),
        row(nodes, 'follower', { kind: 'put', clients: 1 }),
        row(nodes, 'follower', { kind: 'range', clients: 1 }),
      ]),
]);

/** `Put at a follower of 3, 256 clients`. */
export function titleOf({ nodes, place, kind, clients, rate }: Row): string {
  const where =
    nodes === 1 ? 'a single node' : `${place === 'leader' ? 'the leader' : 'a follower'} of ${nodes}`;
  if (clients === undefined) return `${titles[kind]}, at ${where}, ${rate.toLocaleString('en')} a second`;
  return `${titles[kind]}, at ${where}, ${clients === 1 ? '1 client' : `${clients.toLocaleString('en')} clients`}`;
}
