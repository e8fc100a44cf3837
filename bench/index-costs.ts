import { performance } from 'node:perf_hooks';
import { SeededRandom } from '../src/base/index.ts';
import { KeyIndex, Segments } from '../src/index/index.ts';

// What the index costs at several numbers of keys of 64 bytes: inserted in random order one by one, overwritten, read,
// walked, removed, trimmed, evacuated, and loaded in bulk. Prints mean costs and the longest single call or step of each
// kind, which is what a client would wait for.  tsx bench/index-costs.ts [number of keys...]

const VALUE_BYTES = 100;
const KEY_BYTES = 64;
const BODY_BYTES = 2 + KEY_BYTES + VALUE_BYTES;
const STEP_UNITS = 1000;
const print = (line: string): void => void process.stdout.write(`${line}\n`);
/** CPU time of the process in us, which other processes disturb less than the time of day. */
const cpuUs = (): number => process.cpuUsage().user + process.cpuUsage().system;

/** The longest of many calls. One that the system interrupted to run another process does not count. */
class Longest {
  ms = 0;
  disturbed = 0;
  #switches = process.resourceUsage().involuntaryContextSwitches;

  saw(ms: number): void {
    if (ms < 0.1) return;
    const switches = process.resourceUsage().involuntaryContextSwitches;
    if (switches !== this.#switches) this.disturbed++;
    else if (ms > this.ms) this.ms = ms;
    this.#switches = switches;
  }

  toString(): string {
    return `longest ${this.ms.toFixed(2)} ms (${this.disturbed} disturbed)`;
  }
}

const hex = Buffer.from('0123456789abcdef');

/** The n-th key: the same n gives the same bytes, neighbours in n are far apart in order. */
function writeKey(target: Uint8Array, offset: number, n: number): void {
  let state = Math.imul(n ^ 0x9e3779b9, 0x85ebca6b);
  for (let i = 0; i < KEY_BYTES; i++) {
    if ((i & 7) === 0) {
      state = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d);
      state = Math.imul(state ^ (state >>> 12), 0x297a2d39) ^ (n + i);
    }
    target[offset + i] = hex[(state >>> ((i & 7) * 4)) & 15]!;
  }
}

class Run {
  readonly #segments = new Segments();
  readonly #index = new KeyIndex(this.#segments, { random: new SeededRandom(1) });
  readonly #random = new SeededRandom(2);
  readonly #keys: number;
  readonly #key = new Uint8Array(KEY_BYTES);
  #revision = 1;

  constructor(keys: number) {
    this.#keys = keys;
  }

  all(): void {
    const keys = this.#keys;
    print(`\n${keys} keys of ${KEY_BYTES} bytes, values of ${VALUE_BYTES}`);
    this.#time('body only (to subtract)', keys, (i) => void this.#body(i, false));
    this.#time('insert, random order', keys, (i) => this.#put(i, false));
    const index = this.#index;
    print(`  tables ${(index.memoryBytes() / index.keyCount).toFixed(1)} bytes a key`);
    const some = Math.min(keys, 1_000_000);
    this.#time('point get', some, () => {
      writeKey(this.#key, 0, this.#random.int(0, keys - 1));
      index.at(index.find(this.#key), this.#revision);
    });
    this.#time('update, random key', some, () => this.#put(this.#random.int(0, keys - 1), false));
    const out = new Uint32Array(1000);
    const walk = index.walk(Buffer.alloc(0), undefined, this.#revision);
    this.#time('walk, step of 1000 keys', Math.ceil(keys / 1000), () => void walk.next(out));
    this.#time('count of everything', 1000, () => index.countNewest(Buffer.alloc(0), undefined));
    this.#time('remove, random key', Math.floor(some / 4), () =>
      this.#put(this.#random.int(0, keys - 1), true),
    );
    this.#time('insert and remove, churn', some, (i) => this.#put(i % 4 === 0 ? i : keys + i, i % 4 === 0));
    index.compactTo(this.#revision);
    this.#steps('trim', () => index.trimStep(STEP_UNITS));
    this.#steps('evacuate', () => index.evacuateStep(STEP_UNITS, this.#revision));
    this.#bulk();
  }

  #body(n: number, tombstone: boolean): { segment: number; offset: number } {
    const place = this.#segments.reserve(BODY_BYTES - (tombstone ? VALUE_BYTES : 0));
    place.bytes[place.offset] = 0x0a;
    place.bytes[place.offset + 1] = KEY_BYTES;
    writeKey(place.bytes, place.offset + 2, n);
    return place;
  }

  #put(n: number, tombstone: boolean): void {
    const { segment, offset } = this.#body(n, tombstone);
    this.#index.add(
      segment,
      offset,
      BODY_BYTES - (tombstone ? VALUE_BYTES : 0),
      ++this.#revision,
      0,
      tombstone,
    );
  }

  #time(name: string, count: number, run: (i: number) => void): void {
    const longest = new Longest();
    const start = cpuUs();
    let before = performance.now();
    for (let i = 0; i < count; i++) {
      run(i);
      const now = performance.now();
      longest.saw(now - before);
      before = performance.now();
    }
    const mean = (cpuUs() - start) / count;
    print(`  ${name.padEnd(26)} ${mean.toFixed(3).padStart(8)} us, ${longest.toString()}`);
  }

  #steps(name: string, step: () => boolean): void {
    let steps = 0;
    const longest = new Longest();
    const start = performance.now();
    for (let more = true; more; steps++) {
      const before = performance.now();
      more = step();
      longest.saw(performance.now() - before);
    }
    const total = performance.now() - start;
    const mean = (total * 1000) / steps;
    print(
      `  ${name.padEnd(26)} ${mean.toFixed(0).padStart(8)} us a step of ${STEP_UNITS} units,` +
        ` ${longest.toString()}, ${steps} steps, ${total.toFixed(0)} ms`,
    );
  }

  /** The same keys again in a new index over the same bytes, as a start does it. */
  #bulk(): void {
    const old = this.#index;
    const again = new KeyIndex(this.#segments, { random: new SeededRandom(1) });
    const start = performance.now();
    again.beginBulk();
    for (let p = old.historyStart; p < old.historyEnd; p++) this.#copy(old, again, old.historyAt(p));
    for (let n = 0; n < this.#keys; n++) {
      writeKey(this.#key, 0, n);
      const key = old.find(this.#key);
      if (key !== 0xffffffff) this.#copy(old, again, old.newest(key));
    }
    const middle = performance.now();
    again.endBulk();
    const end = performance.now();
    print(
      `  bulk: ${again.keyCount} keys added in ${(middle - start).toFixed(0)} ms,` +
        ` sorted and built in ${(end - middle).toFixed(0)} ms, heap ${(process.memoryUsage().heapUsed / 2 ** 20).toFixed(0)} MiB`,
    );
  }

  #copy(from: KeyIndex, to: KeyIndex, v: number): void {
    this.#revision++;
    to.add(from.segment(v), from.offset(v), from.length(v), this.#revision, 0, from.isTombstone(v));
  }
}

const sizes = process.argv.slice(2).map(Number);
for (const keys of sizes.length > 0 ? sizes : [10_000, 100_000]) new Run(keys).all();
