import { encodeRequest } from '../../../test/etcd/protocol.ts';
import { FRAME_BYTES_MAX, MESSAGE_HEAD_BYTES } from '../../../test/support/frames.ts';
import { RawClient } from '../../../test/support/raw/raw-client.ts';
import type { RawConnection } from '../../../test/support/raw/raw-connection.ts';
import type { FillTask } from './tasks.ts';
import { fillValue, KEY_DIGITS } from './template.ts';

const TXN = '/etcdserverpb.KV/Txn';
/** etcd's `--max-txn-ops` is 128. */
const OPERATIONS_MAX = 100;
/** What an operation takes beside its value. */
const OPERATION_BYTES = 96;
const CALLS_PER_CONNECTION = 16;

/** Key number `n` below a prefix, as the templates write it. */
export function keyAt(prefix: string, n: number): Buffer {
  return Buffer.from(prefix + String(n).padStart(KEY_DIGITS.length, '0'));
}

/** Puts keys 0..keys-1, as many in one transaction as fit a frame. Throws when one fails. */
export async function fill(
  connections: readonly RawConnection[],
  task: FillTask,
): Promise<{ revisions: number }> {
  const room = FRAME_BYTES_MAX - MESSAGE_HEAD_BYTES;
  const each = Math.min(OPERATIONS_MAX, Math.floor(room / (task.valueBytes + OPERATION_BYTES)));
  if (each === 0) throw new RangeError(`Values of ${task.valueBytes} bytes do not fit a frame`);
  let [next, revisions] = [0, 0];
  const lane = async (client: RawClient): Promise<void> => {
    while (next < task.keys) {
      const first = next;
      next = Math.min(task.keys, first + each);
      const success = Array.from({ length: next - first }, (_, at) => ({
        request_put: { key: keyAt(task.prefix, first + at), value: freshValue(task.valueBytes) },
      }));
      const { status, text } = await client.ask(TXN, encodeRequest(TXN, { success }));
      if (status !== 0) throw new Error(`Cannot put keys from ${first} on: status ${status} ${text}`);
      revisions++;
    }
  };
  const clients = connections.map((connection) => new RawClient(connection));
  await Promise.all(
    clients.flatMap((client) => Array.from({ length: CALLS_PER_CONNECTION }, () => lane(client))),
  );
  return { revisions };
}

function freshValue(bytes: number): Buffer {
  const value = Buffer.allocUnsafe(bytes);
  fillValue(value, 0, bytes);
  return value;
}
