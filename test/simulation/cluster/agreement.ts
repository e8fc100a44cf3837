import type { RangeRequest } from '../../../src/wire/index.ts';
import type { ByteRuns } from '../../../src/base/index.ts';
import { decodeKeyValue } from '../../../src/wire/index.ts';
import type { Store } from '../../../src/store/index.ts';
import type { Oracle } from '../oracle.ts';
import { text } from '../state.ts';
import type { Fleet } from './fleet.ts';

const ALL: RangeRequest = {
  ...{ key: Buffer.from('\0'), rangeEnd: Buffer.from('\0'), limit: 0, revision: 0, serializable: true },
  ...{ sortOrder: 0, sortTarget: 0, keysOnly: false, countOnly: false },
  ...{ minModRevision: 0, maxModRevision: 0, minCreateRevision: 0, maxCreateRevision: 0 },
};

/** In the end one node leads, all know it, and all have the state that the log makes. */
export async function checkAgreement(fleet: Fleet, oracle: Oracle): Promise<void> {
  const { full } = oracle;
  const members = [...fleet.members.values()];
  const leaders = members.filter(({ node }) => node?.leads === true);
  oracle.expect(leaders.length === 1, () => `${leaders.length} nodes lead in the end`);
  const expected = full.range('', '\xff', full.revision).map(text).join('\n');
  for (const { owner, node } of members) {
    if (node === undefined) return oracle.fail(`${owner} has not started in the end`);
    const { store } = node;
    oracle.expect(
      store.sequence === full.sequence && store.revision === full.revision,
      () => `in the end ${owner} is at sequence ${store.sequence}, the log at ${full.sequence}`,
    );
    oracle.expect(
      Math.max(0, store.compacted) === full.compacted,
      () => `in the end ${owner} is compacted at ${store.compacted}, the log at ${full.compacted}`,
    );
    oracle.expect(
      store.status().leases === full.leases.size,
      () => `in the end ${owner} has ${store.status().leases} leases, the log ${full.leases.size}`,
    );
    oracle.expect(node.hasLeader(), () => `in the end ${owner} knows no leader`);
    const leaderId = leaders[0]?.node?.memberId;
    oracle.expect(
      node.leaderId === leaderId,
      () => `in the end ${owner} takes ${node.leaderId} for the leader, which is ${leaderId}`,
    );
    const names = node.members().map(({ name }) => name);
    oracle.expect(
      names.join() === fleet.names.join(),
      () => `in the end ${owner} lists ${names.join()} as members`,
    );
    const found = await contentOf(store);
    oracle.expect(found === expected, () => `in the end ${owner} has\n${found}\nexpected\n${expected}`);
  }
}

function contentOf(store: Store): Promise<string> {
  return new Promise((resolve) => {
    store.range(ALL, (error, result) => resolve(error === undefined ? textOf(result.kvs) : error.code));
  });
}

function textOf(runs: ByteRuns): string {
  return Array.from({ length: runs.count }, (_, i) => text(decodeKeyValue(runs.run(i)))).join('\n');
}
