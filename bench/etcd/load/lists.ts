import { encodeRequest } from '../../../test/etcd/protocol.ts';
import type { Message } from '../../../test/etcd/protocol.ts';
import { MESSAGE_HEAD_BYTES } from '../../../test/support/frames.ts';
import type { RawConnection } from '../../../test/support/raw/raw-connection.ts';
import { RawStream } from '../../../test/support/raw/raw-stream.ts';
import { processCpuMicros } from '../../../test/support/process-figures.ts';
import { headerRevision } from './answers.ts';
import { Latencies } from './latencies.ts';
import { lastKeyOf } from './page.ts';
import type { ListMode, ListResult, ListTask } from './tasks.ts';
import { KEY_DIGITS } from './template.ts';

const RANGE = '/etcdserverpb.KV/Range';
const RANGE_STREAM = '/etcdserverpb.KV/RangeStream';
/** As kube-apiserver's informers page. */
const PAGE_KEYS = 500;
const TAIL_BYTES = 8;
const COUNT_TAG = 0x20;

/** Lists all keys of a prefix again and again, one list at a time, and checks that each was whole. */
export async function listRepeatedly(
  connection: RawConnection,
  task: ListTask,
  serverPid: number,
): Promise<ListResult> {
  const latencies = new Latencies();
  const failures: Record<string, number> = {};
  const lister = new Lister(connection, task);
  for (let at = 0; at < task.warmLists; at++) await lister.list();
  const cpu = processCpuMicros(serverPid);
  const own = process.cpuUsage();
  let [bytes, pages] = [0, 0];
  const startMs = performance.now();
  while (latencies.count < task.listsMin || performance.now() - startMs < task.measureMs) {
    const listMs = performance.now();
    const listed = await lister.list();
    latencies.record(performance.now() - listMs);
    bytes += listed.bytes;
    pages += listed.pages;
    if (listed.fault !== undefined) failures[listed.fault] = (failures[listed.fault] ?? 0) + 1;
  }
  const elapsedMs = performance.now() - startMs;
  const { user, system } = process.cpuUsage(own);
  return {
    ...latencies.summary(),
    ...{ operations: latencies.count, elapsedMs, failures, bytes, pages },
    serverCpuMicros: processCpuMicros(serverPid) - cpu,
    generatorCpuMicros: user + system,
  };
}

interface Listed {
  readonly bytes: number;
  readonly pages: number;
  /** What was wrong with it. */
  readonly fault?: string;
}

class Lister {
  readonly #connection: RawConnection;
  readonly #task: ListTask;
  readonly #whole: Buffer;
  readonly #rangeEnd: Buffer;

  constructor(connection: RawConnection, task: ListTask) {
    this.#connection = connection;
    this.#task = task;
    this.#rangeEnd = endOfPrefix(task.prefix);
    this.#whole = encodeRequest(RANGE, this.#message(Buffer.from(task.prefix), listFlags(task.mode)));
  }

  async list(): Promise<Listed> {
    return this.#task.mode === 'pages' ? await this.#pages() : await this.#once();
  }

  async #once(): Promise<Listed> {
    const { mode, keys, valueBytes } = this.#task;
    const call = new ListCall(false);
    await call.run(this.#connection, mode === 'stream' ? RANGE_STREAM : RANGE, this.#whole);
    const least = keys * (this.#task.prefix.length + KEY_DIGITS.length + (mode === 'keys' ? 0 : valueBytes));
    const fault =
      call.fault ?? (call.endsWithCount(keys) && call.bytes >= least ? undefined : 'a list is not whole');
    return { bytes: call.bytes, pages: 1, ...(fault === undefined ? {} : { fault }) };
  }

  /** As kube-apiserver does: the first page's revision for all, each from the key after the last one. */
  async #pages(): Promise<Listed> {
    let [bytes, pages, keys, revision] = [0, 0, 0, 0];
    let from = Buffer.from(this.#task.prefix);
    for (;;) {
      const call = new ListCall(true);
      await call.run(
        this.#connection,
        RANGE,
        encodeRequest(RANGE, this.#message(from, { limit: PAGE_KEYS, revision })),
      );
      if (call.fault !== undefined) return { bytes, pages, fault: call.fault };
      const page = lastKeyOf(call.body());
      bytes += call.bytes;
      keys += page.keys;
      pages++;
      if (revision === 0) revision = headerRevision(call.body(), call.bytes);
      if (!page.more) break;
      from = Buffer.concat([page.lastKey, Buffer.alloc(1)]);
    }
    return { bytes, pages, ...(keys === this.#task.keys ? {} : { fault: `pages of ${keys} keys` }) };
  }

  #message(key: Buffer, fields: Message): Message {
    const set = Object.entries(fields).filter(([, value]) => value !== 0 && value !== false);
    return { key, range_end: this.#rangeEnd, ...Object.fromEntries(set) };
  }
}

function listFlags(mode: ListMode): Message {
  return mode === 'keys' ? { keys_only: true } : {};
}

/** The first key behind all that start with a prefix, whose last byte is not 0xff. */
function endOfPrefix(prefix: string): Buffer {
  const end = Buffer.from(prefix);
  end[end.length - 1]! += 1;
  return end;
}

/** One call; its body is kept only when asked for. */
class ListCall extends RawStream {
  bytes = 0;
  fault: string | undefined;
  readonly #isKept: boolean;
  readonly #parts: Buffer[] = [];
  readonly #tail = Buffer.alloc(TAIL_BYTES);
  #ended: () => void = () => undefined;

  constructor(isKept: boolean) {
    super();
    this.#isKept = isKept;
  }

  async run(connection: RawConnection, path: string, request: Buffer): Promise<void> {
    const ended = new Promise<void>((resolve) => (this.#ended = resolve));
    const at = connection.begin(path, request.length, this, true);
    if (at < 0) throw new Error('Cannot send a list: the window is closed');
    request.copy(connection.out, at);
    connection.flush();
    await ended;
  }

  data(bytes: Buffer, start: number, end: number): void {
    this.bytes += end - start;
    if (this.#isKept) this.#parts.push(Buffer.from(bytes.subarray(start, end)));
    const count = Math.min(TAIL_BYTES, end - start);
    this.#tail.copyWithin(0, count);
    bytes.copy(this.#tail, TAIL_BYTES - count, end - count, end);
  }

  ended(status: number, message: string | undefined): void {
    if (status !== 0) this.fault = `status ${status} ${message ?? ''}`;
    this.#ended();
  }

  /** With gRPC's five bytes before it. */
  body(): Buffer {
    return this.#parts.length === 1 ? this.#parts[0]! : Buffer.concat(this.#parts);
  }

  /** `count` is the last field of the (last) message. */
  endsWithCount(count: number): boolean {
    const bytes = [COUNT_TAG];
    let rest = count;
    for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80);
    bytes.push(rest);
    return (
      this.bytes > MESSAGE_HEAD_BYTES &&
      this.#tail.subarray(TAIL_BYTES - bytes.length).equals(Buffer.from(bytes))
    );
  }
}
