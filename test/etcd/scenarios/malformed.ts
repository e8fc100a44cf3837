import { methodOf } from '../protocol.ts';
import type { Message } from '../protocol.ts';
import type { Family, Probe } from './probe.ts';

/** Valid messages by method, and the strings of those that have some. Snapshot and a few that end etcd are left out. */
const METHODS: Readonly<Record<string, { readonly fields: number; readonly stringField?: number }>> = {
  'KV.Range': { fields: 13 },
  'KV.RangeStream': { fields: 13 },
  'KV.Put': { fields: 6 },
  'KV.DeleteRange': { fields: 3 },
  'KV.Txn': { fields: 3 },
  'KV.Compact': { fields: 2 },
  'Lease.LeaseGrant': { fields: 2 },
  'Lease.LeaseRevoke': { fields: 1 },
  'Lease.LeaseTimeToLive': { fields: 2 },
  'Lease.LeaseLeases': { fields: 0 },
  'Cluster.MemberRemove': { fields: 1 },
  'Cluster.MemberPromote': { fields: 1 },
  'Maintenance.HashKV': { fields: 1 },
  'Maintenance.MoveLeader': { fields: 1 },
  'Maintenance.Downgrade': { fields: 2, stringField: 2 },
};

const BROKEN: Readonly<Record<string, string>> = {
  'cut in a tag': '80',
  'cut in a varint': '1880',
  'cut before a varint': '18',
  'cut in bytes': '0a0561',
  'cut in an unknown fixed64': 'a10600',
  'cut in an unknown fixed32': 'a50600',
  'length beyond 2^31': '0affffffff0f',
  'length of 2^64 - 1': '0affffffffffffffffff01',
  'varint of 11 bytes': 'a006ffffffffffffffffffff01',
  'varint of 65 bits': 'a006ffffffffffffffffff02',
  'overlong zero varint': 'a00680808080808080808000',
  'overlong tag': '8a8080800000',
  'tag of more than 32 bits': '8a80808010010a',
  'field number 0': '0000',
  'field number 0 with bytes': '020161',
  'field number above 2^29 - 1': '808080801000',
  'the highest field number': 'f8ffffff0f00',
  'wire type 6': 'a606',
  'wire type 7': 'a706',
  'wire type 6 of field 1': '0e',
  'wire type 7 of field 1': '0f',
  'unknown group': 'a306a406',
  'unknown group with fields': 'a306 0801 1202 6161 a306 a406 a406',
  'group without end': 'a306',
  'end without group': 'a406',
  'end of another group': 'a306ac06',
  'end of field 1': '0c',
  'groups in groups': `${'a306'.repeat(70)}${'a406'.repeat(70)}`,
  'groups without end in groups': 'a306'.repeat(2000),
  'unknown fields of all kinds': 'a006 8001 a106 0102030405060708 a206 020a0a a506 01020304',
};

async function raw(probe: Probe, name: string, hex: string, label: string): Promise<void> {
  const method = methodOf(`/etcdserverpb.${name.replace('.', '/')}`);
  const request = Buffer.from(hex.replaceAll(' ', ''), 'hex');
  if (method.responseStream) {
    probe.note(`${name}: ${label}`, await probe.collect(name, request));
    return;
  }
  const { bytes, error } = await probe.unary(method.path, request);
  const message = error ?? method.responseDeserialize(bytes);
  // Ids that the server chose, and HashKV at compacted revisions, are no matter of parsing.
  const masked =
    name === 'Lease.LeaseGrant' ? ['ID'] : ['hash', 'compact_revision', 'hash_revision', 'leases'];
  for (const field of masked) if (field in message) (message as Message)[field] = 'masked';
  probe.note(`${name}: ${label}`, message);
}

/** What etcd 3.6 takes and 3.7 does not, or the other way round (a field of another wire type). */
const OTHERWISE_IN_OLDER: ReadonlySet<string> = new Set([
  'overlong tag',
  'varint of 65 bits',
  'tag of more than 32 bits',
  'field number above 2^29 - 1',
  'end of another group',
]);

async function unparsable(probe: Probe): Promise<void> {
  await probe.call('KV.Put', { key: Buffer.from('a') });
  for (const name of Object.keys(METHODS)) {
    if (probe.older && name === 'KV.RangeStream') continue;
    for (const [label, hex] of Object.entries(BROKEN))
      if (!probe.older || !OTHERWISE_IN_OLDER.has(label)) await raw(probe, name, hex, label);
  }
}

/** A known field of another wire type: an unknown field to etcd 3.7, an error to 3.6. */
async function wireTypes(probe: Probe): Promise<void> {
  if (probe.older) return;
  const BODIES = ['01', '0102030405060708', '0161', '', undefined, '01020304'];
  for (const [name, { fields }] of Object.entries(METHODS)) {
    for (let field = 1; field <= fields; field++) {
      for (const [type, body] of BODIES.entries()) {
        const tag = Buffer.from([(field << 3) | type]).toString('hex');
        const end = type === 3 ? Buffer.from([(field << 3) | 4]).toString('hex') : '';
        if (body === undefined || field << 3 > 127) continue;
        const prefix =
          name.startsWith('KV') && !name.endsWith('Txn') && !name.endsWith('Compact') ? '0a0161' : '';
        // What would compact, end a lease that is not there and so on is the same on both servers.
        await raw(probe, name, `${prefix}${tag}${body}${end}`, `field ${field} with wire type ${type}`);
      }
    }
  }
}

const PUT = '12 05 0a0162 1200'.replaceAll(' ', ''); // request_put { key: b, value: "" }
const op = (hex: string): string => `12${(hex.length / 2).toString(16).padStart(2, '0')}${hex}`;

/** Members of one oneof that come several times, fields that come several times. */
async function repeated(probe: Probe): Promise<void> {
  const cases: Record<string, string> = {
    'put, then range': op(`${PUT}0a030a0162`),
    'range, then put': op(`0a030a0162${PUT}`),
    'range, then range of other fields': op('0a030a0161 0a021801'.replaceAll(' ', '')),
    'put, then put of the value': op('12030a0162 12041202 7676'.replaceAll(' ', '')),
    'put, then delete, then put': op('12030a0162 1a030a0162 12031a0161'.replaceAll(' ', '')),
    'txn, then txn': op('2207 1205 0a030a0161 2207 1205 0a030a0162'.replaceAll(' ', '')),
    'txn of one branch, then of the other': op('22021200 22021a00'.replaceAll(' ', '')),
    'an empty range, then none': op('0a00'),
    'a member with the wrong type': op('0801'),
    'a member, then one of the wrong type': op('0a030a01611001'),
    'an unknown member': op('2a00'),
    'the key of a compare twice': '0a06 1a0161 1a0162'.replaceAll(' ', ''),
    'operands of a compare': '0a0b 1a0161 1003 2001 3a0131 2801'.replaceAll(' ', ''),
    'the operand with the wrong type': '0a07 1a0161 1003 3801'.replaceAll(' ', ''),
    'result with the wrong type': '0a06 1a0161 0a0161'.replaceAll(' ', ''),
    'a compare with an unknown field': '0a06 1a0161 a00601'.replaceAll(' ', ''),
    'range_end with the wrong type': '0a06 1a0161 800401'.replaceAll(' ', ''),
  };
  if (probe.older) for (const label of Object.keys(cases)) if (/wrong type|then (range of|put of|txn)|delete, then put|then of/.test(label)) cases[label] = ''; // prettier-ignore
  for (const [label, hex] of Object.entries(cases)) await raw(probe, 'KV.Txn', hex, label);
  await raw(probe, 'KV.Put', '0a0161 0a0162 120131 120132 1801 1800', 'fields twice');
  await raw(probe, 'KV.Put', '0a0163 12 00', 'empty fields that were sent');
  await raw(probe, 'KV.Range', '0a0161 1801 1802 3801 3800 2802 2800', 'fields twice');
  for (const key of ['a', 'b', 'c']) await probe.ask('KV.Range', { key: Buffer.from(key) });
}

/** Numbers that do not fit the field: what is kept of them. */
async function numbers(probe: Probe): Promise<void> {
  const [minusOne, huge] = ['ffffffffffffffffff01', '80808080808080808001'];
  for (const [label, hex] of Object.entries({
    'limit -1': `18${minusOne}`, 'least limit': `18${huge}`, 'revision -1': `20${minusOne}`, 'least revision': `20${huge}`,
    'largest limit': '18ffffffffffffffff7f', 'limit of 2^53': '188080808080808010', 'largest revision': '20ffffffffffffffff7f',
    'sort order of 2^32': '288080808010', 'sort order of 2^32 + 1': '288180808010', 'sort order -1': `28${minusOne}`,
    'sort target of 2^32 + 9': '308980808010', 'a bool of 2': '4802', 'a bool of 2^32': '488080808010', 'a bool of 2^63': `48${huge}`,
    'a filter of -1': `50${minusOne}`, 'a filter of 2^63 - 1': '58ffffffffffffffff7f', 'least filter': `58${huge}`,
    'an overlong bool': '488000', 'an overlong limit': '188100',
  })) await raw(probe, 'KV.Range', `0a0161${hex}`, label); // prettier-ignore
  for (const [label, hex] of Object.entries({ largest: '08ffffffffffffffff7f', least: `08${huge}`, minusOne: `08${minusOne}` })) {
    for (const name of ['KV.Compact', 'Maintenance.HashKV', 'Lease.LeaseRevoke', 'Lease.LeaseGrant', 'Lease.LeaseTimeToLive'])
      await raw(probe, name, hex, label);
  } // prettier-ignore
}

/** Strings that are not UTF-8. etcd 3.6 takes them. */
async function strings(probe: Probe): Promise<void> {
  if (probe.older) return;
  await raw(probe, 'Maintenance.Downgrade', '1202c328', 'a version that is not UTF-8');
  await raw(probe, 'Maintenance.Downgrade', '1203e281ff', 'a version that is not UTF-8');
  await raw(probe, 'Cluster.MemberAdd', '0a02c328', 'a URL that is not UTF-8');
  await raw(probe, 'Cluster.MemberUpdate', '08051202c328', 'a URL that is not UTF-8');
  await raw(probe, 'Cluster.MemberAdd', '0a0178', 'a URL');
}

async function watchMessages(probe: Probe): Promise<void> {
  const cases: Record<string, string> = {
    'create, then cancel': '0a030a0161 12020805',
    'cancel, then create': '12020805 0a030a0161',
    'unknown member': '2200 ',
    'unknown field in create': '0a06 0a0161 a00601',
    'filters packed, unpacked, unknown': '0a0b 0a0161 2a020001 2805 2800',
    'progress with content': '1a03 080108 ',
    'an overlong id': '0a06 0a0161 388100',
  };
  const newer: Record<string, string> = {
    'create, then create of other fields': '0a030a0161 0a023001 0a023807',
    'key with the wrong type': '0a020801',
    'filters with the wrong type': '0a09 0a0161 2d00000000 ',
    'create with the wrong type': '0801',
    'progress with the wrong type': '1801',
    'cancel, then cancel of nothing': '12020800 1200',
  };
  for (const [label, hex] of Object.entries(probe.older ? cases : { ...cases, ...newer })) {
    const watch = probe.open('Watch.Watch');
    watch.sendBytes(Buffer.from(hex.replaceAll(' ', ''), 'hex'));
    watch.send({ create_request: { key: Buffer.from('z') } });
    await watch.expect(`watch: ${label}`, 1, 60);
  }
}

export const malformed: Family = {
  name: 'malformed',
  scenarios: { unparsable, wireTypes, repeated, numbers, strings, watchMessages },
};
