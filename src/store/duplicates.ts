import type { Bytes } from '../base/index.ts';
import type { RequestOp } from '../wire/index.ts';
import type { Refusal } from './refusal.ts';

/** What a branch puts and deletes, nested branches included. Keys as latin1 strings, whose order is that of bytes. */
interface Changes {
  readonly puts: Set<string>;
  readonly deletes: Intervals;
}

/**
 * The rule of duplicates (etcd-v3.md B.4, rule 3; `checkIntervals` in v3rpc/key.go): no key is put twice, or put and
 * deleted, on one way through a branch. Two corners are etcd's and kept: children are visited in order, so a child's
 * delete clashes with a later child's put and not the other way round; and a from-key delete, whose range end is one
 * zero byte, counts as an empty range.
 */
export function checkDuplicates(operations: readonly RequestOp[]): Refusal {
  return changesOf(operations) === undefined ? 'DuplicateKey' : undefined;
}

/** Undefined when there is a duplicate. */
function changesOf(operations: readonly RequestOp[]): Changes | undefined {
  const changes: Changes = { puts: new Set(), deletes: new Intervals() };
  for (const operation of operations) {
    if (operation.kind === 'deleteRange') {
      changes.deletes.add(
        latin1(operation.request.key),
        endOf(operation.request.key, operation.request.rangeEnd),
      );
    }
  }
  for (const operation of operations) {
    if (operation.kind !== 'txn') continue;
    const { success, failure } = operation.request;
    const onSuccess = changesOf(success);
    if (onSuccess === undefined) return undefined;
    const onFailure = changesOf(failure);
    if (onFailure === undefined || !joinChild(changes, onSuccess, onFailure)) return undefined;
  }
  for (const operation of operations) {
    if (operation.kind === 'put' && !addPut(changes, latin1(operation.request.key))) return undefined;
  }
  return changes;
}

/** Either branch of a child may put what the other one does, because only one of them runs. */
function joinChild(changes: Changes, onSuccess: Changes, onFailure: Changes): boolean {
  for (const key of onSuccess.puts) if (!addPut(changes, key)) return false;
  for (const key of onFailure.puts) {
    if (onSuccess.puts.has(key)) {
      if (changes.deletes.has(key)) return false;
    } else if (!addPut(changes, key)) return false;
  }
  changes.deletes.addAll(onSuccess.deletes);
  changes.deletes.addAll(onFailure.deletes);
  return true;
}

function addPut(changes: Changes, key: string): boolean {
  if (changes.puts.has(key) || changes.deletes.has(key)) return false;
  changes.puts.add(key);
  return true;
}

function latin1(bytes: Bytes): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
}

/** A single key's interval ends right behind it. */
function endOf(key: Bytes, rangeEnd: Bytes): string {
  return rangeEnd.length === 0 ? `${latin1(key)}\0` : latin1(rangeEnd);
}

/** A set of keys made of intervals, kept apart and in order: adding and asking take a binary search. */
class Intervals {
  readonly #from: string[] = [];
  readonly #to: string[] = [];

  add(from: string, to: string): void {
    if (from >= to) return;
    // All intervals that touch [from, to) become one with it.
    const first = firstAtLeast(this.#to, from);
    let end = first;
    let lowest = from;
    let highest = to;
    while (end < this.#from.length && this.#from[end]! <= to) {
      if (this.#from[end]! < lowest) lowest = this.#from[end]!;
      if (this.#to[end]! > highest) highest = this.#to[end]!;
      end++;
    }
    this.#from.splice(first, end - first, lowest);
    this.#to.splice(first, end - first, highest);
  }

  addAll(other: Intervals): void {
    for (let i = 0; i < other.#from.length; i++) this.add(other.#from[i]!, other.#to[i]!);
  }

  has(key: string): boolean {
    const at = firstAtLeast(this.#to, `${key}\0`);
    return at < this.#from.length && this.#from[at]! <= key;
  }
}

/** The first position of a rising list that holds `value` or more. */
function firstAtLeast(list: readonly string[], value: string): number {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (list[middle]! < value) low = middle + 1;
    else high = middle;
  }
  return low;
}
