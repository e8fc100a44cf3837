import { spawnSync } from 'node:child_process';
import type { ExternalCluster } from '../support/tikv/external.ts';
import { print } from '../support/suite.ts';

/** What removes the keys of a trial that has not come to it. */
const REMOVAL = 'no key is left';

interface Trial {
  readonly cluster: ExternalCluster;
  /** Of the suite: runs a check, and tells of it. */
  check(name: string, work: () => Promise<string>): Promise<void>;
  /** Ends other processes that write. */
  abort(): void;
}

/** Runs `work`, and deletes what it has written: also after a failure, and after a signal that ends the process. */
export async function trial({ cluster, check, abort }: Trial, work: () => Promise<void>): Promise<void> {
  const { keyPrefix } = cluster;
  print(`All keys written to ${cluster.pd.join(',')} begin with ${keyPrefix}; they are deleted at the end.`);
  print(`Should this be killed before: TIKV_TRIAL=${keyPrefix} npm run test:tikv -- --only '${REMOVAL}'`);
  const interrupted = (signal: NodeJS.Signals): void => {
    print(`${signal}: the keys are deleted`);
    abort();
    // While it runs, nothing here does: no check writes behind its back.
    const { status } = spawnSync(process.execPath, [...process.execArgv, ...removal()], {
      stdio: 'inherit',
      env: { ...process.env, TIKV_TRIAL: keyPrefix },
    });
    process.exit(status === 0 ? 1 : (status ?? 1));
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, interrupted);
  try {
    await work();
  } finally {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, interrupted);
    await cluster.close();
    await check(
      `cluster: ${REMOVAL}`,
      async () => `${await cluster.removeAll()} keys below ${keyPrefix} deleted`,
    );
  }
}

function removal(): string[] {
  return [process.argv[1]!, '--only', REMOVAL];
}
