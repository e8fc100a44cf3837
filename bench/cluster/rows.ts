/** Where a row's calls are sent to. */
export type Place = 'leader' | 'follower';
export type CallKind = 'put' | 'range' | 'rangeSerializable';

/** A line of the table: calls of one kind, from so many clients, to one node of a cluster of so many. */
export interface Row {
  readonly name: string;
  readonly nodes: number;
  readonly place: Place;
  readonly kind: CallKind;
  readonly clients: number;
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

function row(nodes: number, place: Place, call: { kind: CallKind; clients?: number }): Row {
  const { kind, clients = MANY } = call;
  return { name: `${words[kind]}-${clients}-${place}-of-${nodes}`, nodes, place, kind, clients };
}

/** All rows; those of one number of nodes are measured on the same start of them. */
export const rows: readonly Row[] = [1, 2, 3].flatMap((nodes) => [
  row(nodes, 'leader', { kind: 'put' }),
  row(nodes, 'leader', { kind: 'range' }),
  row(nodes, 'leader', { kind: 'range', clients: MORE }),
  row(nodes, 'leader', { kind: 'rangeSerializable' }),
  row(nodes, 'leader', { kind: 'put', clients: 1 }),
  row(nodes, 'leader', { kind: 'range', clients: 1 }),
  ...(nodes === 1
    ? []
    : [
        row(nodes, 'follower', { kind: 'put' }),
        row(nodes, 'follower', { kind: 'range' }),
        row(nodes, 'follower', { kind: 'range', clients: MORE }),
        row(nodes, 'follower', { kind: 'rangeSerializable' }),
        row(nodes, 'follower', { kind: 'put', clients: 1 }),
        row(nodes, 'follower', { kind: 'range', clients: 1 }),
      ]),
]);

/** `Put at a follower of 3, 256 clients`. */
export function titleOf({ nodes, place, kind, clients }: Row): string {
  const where =
    nodes === 1 ? 'a single node' : `${place === 'leader' ? 'the leader' : 'a follower'} of ${nodes}`;
  return `${titles[kind]}, at ${where}, ${clients === 1 ? '1 client' : `${clients.toLocaleString('en')} clients`}`;
}
