import { EngramProcess } from '../support/engram.ts';
import { Client } from '../support/engram.ts';
import { temporaryDirectory } from '../support/process.ts';
import { SeededRandom } from '../../src/base/index.ts';
import { checkStore, Knowledge, watchUntilCut, writeUntilCut } from './workload.ts';

const LANES = 16;

/** Kill -9 under load, again and again on one directory; after each start, everything acknowledged is there. */
export async function killUnderLoad(
  rounds: number,
  seed: number,
  flags: readonly string[] = [],
): Promise<string> {
  const random = new SeededRandom(seed);
  const engram = await EngramProcess.at(temporaryDirectory('kill'));
  engram.flags = flags;
  const knowledge = new Knowledge();
  for (let round = 0; round < rounds; round++) {
    const client = await engram.up();
    await checkStore(client, knowledge);
    client.close();
    const clients = Array.from({ length: LANES + 1 }, () => new Client(engram.target));
    const writing = clients.slice(1).map((lane, at) => writeUntilCut(lane, knowledge, at));
    const watching = watchUntilCut(clients[0]!, knowledge, () => false);
    await new Promise((resolve) => setTimeout(resolve, random.int(20, 400)));
    await engram.stop('SIGKILL');
    await Promise.all([...writing, watching]);
    for (const lane of clients) lane.close();
  }
  const client = await engram.up();
  await checkStore(client, knowledge);
  client.close();
  await engram.stop('SIGTERM');
  return `${rounds} kills, ${knowledge.acknowledged.size} acknowledged writes, ${knowledge.seen.size} revisions`;
}
