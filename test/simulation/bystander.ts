import type { Arena } from '../../src/base/index.ts';
import { Segments } from '../../src/index/index.ts';
import type { LogTarget, Record, VersionKind } from '../../src/log/index.ts';
import { EntryKind, LogKeys, LogMap, replay } from '../../src/log/index.ts';
import { decodeKeyValue } from '../../src/wire/index.ts';
import { KEYSPACE } from './oracle.ts';
import type { Oracle } from './oracle.ts';
import type { SimStore } from './sim-engine.ts';
import { latin1, State, text } from './state.ts';
import type { World } from './world.ts';

/**
 * Reads the stored log again and again, beside the node, as a follower that starts does; and shows at the end of each
 * commit what it could show then: nothing below the compaction and the sequence that a cleaned chunk names, and above
 * that exactly what was there.
 */
export async function watchReplays(
  world: World,
  store: SimStore,
  oracle: Oracle,
  faults: ReadonlySet<string>,
): Promise<void> {
  for (;;) {
    await world.sleep('bystander', 150 + world.random.next() * 400);
    const target = new Showing(oracle);
    const options = {
      engine: store.engineOf('bystander'),
      keys: new LogKeys(KEYSPACE),
      arena: target.arena,
      map: new LogMap(),
      target,
      signal: new AbortController().signal,
      faults,
    };
    try {
      await replay(options);
    } catch (error) {
      oracle.fail(`the bystander's replay failed: ${String(error)}`);
    }
  }
}

class Showing implements LogTarget {
  readonly arena: Arena = new Segments();
  readonly #state = new State();
  readonly #oracle: Oracle;
  #floor = 0;

  constructor(oracle: Oracle) {
    this.#oracle = oracle;
  }

  cleanedAt(revision: number, sequence: number): void {
    this.#state.compacted = Math.max(this.#state.compacted, revision);
    this.#floor = Math.max(this.#floor, sequence);
  }

  version(...[kind, segment, offset, length, revision, sub]: Parameters<LogTarget['version']>): void {
    const kv = decodeKeyValue(this.arena.bytes(segment).subarray(offset, offset + length));
    const name = (kind satisfies VersionKind) === EntryKind.put ? 'put' : 'delete';
    this.#state.apply({
      kind: name,
      sequence: 0,
      revision,
      sub,
      key: latin1(kv.key),
      kv,
      lease: kv.lease,
      number: 0,
    });
  }

  record(record: Record, sequence: number): void {
    if (record.kind !== 'compact') return;
    const entry = { sequence, revision: 0, sub: 0, key: '', kv: undefined, lease: 0n };
    this.#state.apply({ ...entry, kind: 'compact', number: record.revision });
  }

  applied(sequence: number, revision: number): void {
    if (sequence < this.#floor || revision < this.#state.compacted) return;
    const [found, expected] = [this.#shown(this.#state, revision), this.#shown(this.#oracle.full, revision)];
    this.#oracle.expect(
      found === expected,
      () => `at sequence ${sequence} a replay shows at revision ${revision}\n${found}\nexpected\n${expected}`,
    );
  }

  #shown(state: State, revision: number): string {
    return state.range('', '\xff', revision).map(text).join('\n');
  }
}
