/**
 * The load generator: a process of its own, which does the tasks that the benchmark sends it (tasks.ts), one after the
 * other. Its frames are prebuilt and its answers hardly parsed, so that it takes 1-2 us of CPU a call.
 */

import { encodeRequest } from '../../../test/etcd/protocol.ts';
import { RawClient } from '../../../test/support/raw/raw-client.ts';
import { RawConnection } from '../../../test/support/raw/raw-connection.ts';
import { headerRevision } from './answers.ts';
import { closedLoop } from './closed-loop.ts';
import { fill } from './fill.ts';
import { grantLeases, keepAlive } from './keep-alives.ts';
import { listRepeatedly } from './lists.ts';
import { readsAtRate } from './reads-at-rate.ts';
import { Created, shapeOf } from './shapes.ts';
import type { TaskAnswer, TaskInput, TaskMessage, TaskName, TaskOutput } from './tasks.ts';
import { watchFanOut } from './watches.ts';

const RANGE = '/etcdserverpb.KV/Range';
/** More creates than a run can make. */
const CREATED_MAX = 4_000_000;

let connections: RawConnection[] = [];
let serverPid = 0;
/** Of each prefix: what creates have left for updates and deletes. */
const created = new Map<string, Created>();

type Doers = { readonly [N in TaskName]: (input: TaskInput<N>) => Promise<TaskOutput<N>> };

const doers: Doers = {
  async connect(to) {
    for (const connection of connections) connection.close();
    connections = await Promise.all(Array.from({ length: to.connections }, () => RawConnection.to(to)));
    serverPid = to.serverPid;
  },
  async calls(run) {
    if (run.shape === 'create') created.set(run.prefix, new Created(CREATED_MAX));
    const shape = shapeOf(run.shape, run, created.get(run.prefix) ?? new Created(0));
    return await closedLoop({ ...run, connections, shape, serverPid });
  },
  readsAtRate: (task) => readsAtRate(connections, task, serverPid),
  lists: (task) => listRepeatedly(connections[0]!, task, serverPid),
  watches: (task) => watchFanOut(connections, task, serverPid),
  grantLeases: (task) => grantLeases(connections, task),
  keepAlives: (task) => keepAlive(connections, task, serverPid),
  async fill(task) {
    return await fill(connections, task);
  },
  async revision() {
    const client = new RawClient(connections[0]!);
    const { status, text, message } = await client.ask(
      RANGE,
      encodeRequest(RANGE, { key: Buffer.from('a') }),
    );
    if (status !== 0) throw new Error(`Cannot ask for the revision: status ${status} ${text}`);
    const body = Buffer.concat([Buffer.alloc(5), message]);
    return headerRevision(body, body.length);
  },
};

async function answerTo({ name, input }: TaskMessage): Promise<TaskAnswer> {
  try {
    const run = doers[name] as (task: unknown) => Promise<unknown>;
    return { output: await run(input) };
  } catch (error) {
    return { error: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
}

process.on('message', (message) => {
  void answerTo(message as TaskMessage).then((answer) => process.send?.(answer));
});
process.on('disconnect', () => process.exit());
