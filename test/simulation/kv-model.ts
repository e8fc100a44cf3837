import type { Answer, CallRecord } from './history.ts';
import { WITHOUT_EFFECT } from './history.ts';
import { checkLinearizable } from './linearizability.ts';
import type { Model, Operation } from './linearizability.ts';
import { evaluate } from './txn.ts';

interface ModelState {
  readonly revision: number;
  /** Key -> `modRevision=id`. */
  readonly keys: ReadonlyMap<string, string>;
}
type Input = CallRecord['call'];

const STEPS_MAX = 300_000;

/** Revisions are dense, so a write's answer names exactly the next one. Leases and compactions are not modelled. */
const MODEL: Model<ModelState, Input, Answer> = {
  init: { revision: 1, keys: new Map() },
  step(state, call, answer) {
    if (answer?.kind === 'read') return isRead(state, call, answer) ? state : undefined;
    if (call.kind === 'txn') return afterTxn(state, call, answer);
    const next = written(state, call);
    // The outcome is unknown: if it takes effect, this is how.
    if (answer === undefined) return next ?? state;
    return next !== undefined && answer.kind === 'written' && answer.revision === next.revision
      ? next
      : undefined;
  },
  key: ({ revision, keys }) => `${revision}|${[...keys].sort().join()}`,
};

function written({ revision, keys }: ModelState, call: Input): ModelState | undefined {
  const next = new Map(keys);
  const modRevision = 'key' in call ? Number((keys.get(call.key) ?? '0').split('=')[0]) : 0;
  if ((call.kind === 'update' || call.kind === 'remove') && modRevision !== call.revision) return undefined;
  if (call.kind === 'put' || call.kind === 'update') next.set(call.key, `${revision + 1}=${call.id}`);
  else if (call.kind === 'remove') next.delete(call.key);
  else if (call.kind === 'removeAll') {
    for (const key of keys.keys()) if (key >= call.key && key < call.end) next.delete(key);
    if (next.size === keys.size) return undefined;
  } else return undefined;
  return { revision: revision + 1, keys: next };
}

function heldIn({ keys }: ModelState): Map<string, { mod: number; id: string }> {
  return new Map(
    [...keys].map(([key, value]) => {
      const [mod, id] = value.split('=') as [string, string];
      return [key, { mod: Number(mod), id }];
    }),
  );
}

function afterTxn(
  state: ModelState,
  { txn }: Extract<Input, { kind: 'txn' }>,
  answer: Answer | undefined,
): ModelState | undefined {
  const { changes, answer: described } = evaluate(txn, heldIn(state), state.revision);
  const revision = state.revision + 1;
  if (answer?.kind === 'written')
    if (changes.length === 0 || answer.revision !== revision || answer.described !== described)
      return undefined;
  if (changes.length === 0) return state;
  const keys = new Map(state.keys);
  for (const { kind, key, id } of changes) {
    if (kind === 'put') keys.set(key, `${revision}=${id}`);
    else keys.delete(key);
  }
  return { revision, keys };
}

function isRead(state: ModelState, call: Input, answer: Extract<Answer, { kind: 'read' }>): boolean {
  if (answer.revision !== state.revision) return false;
  if (call.kind === 'txn') {
    const effect = evaluate(call.txn, heldIn(state), state.revision);
    return effect.changes.length === 0 && effect.answer === answer.described;
  }
  if (!('key' in call)) return false;
  if (call.kind === 'update' && Number((state.keys.get(call.key) ?? '0').split('=')[0]) === call.revision)
    return false;
  const end = 'end' in call ? call.end : '';
  const expected = [...state.keys]
    .filter(([key]) => (end === '' ? key === call.key : key >= call.key && key < end))
    .map(([key, value]) => `${key}@${value}`)
    .sort();
  const limit = call.kind === 'read' && call.limit > 0 ? call.limit : Infinity;
  const found = answer.kvs.map((kv) => {
    const [id] = Buffer.from(kv.value).toString('latin1').split(';');
    return `${Buffer.from(kv.key).toString('latin1')}@${kv.modRevision}=${id}`;
  });
  return answer.count === expected.length && expected.slice(0, limit).join() === found.sort().join();
}

/** What is wrong with the history as a whole, judged without knowing the log; undefined when nothing is. */
export function findViolation(records: readonly CallRecord[]): string | undefined {
  const operations: Operation<Input, Answer>[] = [];
  for (const { client, call, startMs, endMs, answer } of records) {
    if (['grant', 'revoke', 'compact', 'hash', 'leases'].includes(call.kind)) continue;
    const isWrite = call.kind !== 'read';
    const plain = call.kind === 'read' && !call.serializable && call.revision === 0;
    const known = answer.kind === 'written' || (answer.kind === 'read' && (isWrite || plain));
    const unknown =
      isWrite && (answer.kind === 'unknown' || (answer.kind === 'error' && !WITHOUT_EFFECT.has(answer.code)));
    if (known) operations.push({ client, input: call, call: startMs, output: answer, ret: endMs });
    else if (unknown)
      operations.push({ client, input: call, call: startMs, output: undefined, ret: Infinity });
  }
  const verdict = checkLinearizable(MODEL, operations, STEPS_MAX);
  if (verdict.kind !== 'illegal') return undefined;
  return `promise 4: the history is not linearizable; stuck after ${verdict.deepest.length} of ${operations.length} calls`;
}
