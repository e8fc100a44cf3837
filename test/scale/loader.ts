/**
 * A load in a process of its own, so that its work is not the server's nor the suite's: `loader.ts JSON`, see LoadOptions.
 * Prints a LoadResult.
 */
import { RawClient } from '../support/raw/raw-client.ts';
import type { LoadOptions, LoadResult } from './load.ts';
import { requestOf } from './requests.ts';

const options = JSON.parse(process.argv[2]!) as LoadOptions;
const { count, callers } = options;
const connections = await Promise.all(
  Array.from({ length: Math.min(callers, options.connections) }, () => RawClient.to(options)),
);
const startMs = performance.now();
const failed = await new Promise<number>((resolve) => {
  let [next, answered, failures] = [0, 0, 0];
  const one = (connection: RawClient): void => {
    if (next >= count) return;
    const { path, request } = requestOf(options, next++);
    connection.call(path, request, (response) => {
      if (response === undefined) failures++;
      if (++answered === count) resolve(failures);
      else one(connection);
    });
  };
  for (let caller = 0; caller < callers; caller++) one(connections[caller % connections.length]!);
});
for (const connection of connections) connection.close();
const result: LoadResult = { elapsedMs: performance.now() - startMs, failed };
process.stdout.write(JSON.stringify(result));
