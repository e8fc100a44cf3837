import type { RegionState, TestCluster } from './cluster.ts';

/** A cluster that is there and that a test may do nothing to: what needs more is skipped on it. */
export class ExternalCluster implements TestCluster {
  readonly name: string;
  readonly pd: readonly string[];

  constructor(pd: readonly string[]) {
    this.name = pd.join(',');
    this.pd = pd;
  }

  can(): boolean {
    return false;
  }

  stores = (): Promise<readonly bigint[]> => this.#refuse();
  regions = (): Promise<readonly RegionState[]> => this.#refuse();
  split = (): Promise<void> => this.#refuse();
  merge = (): Promise<void> => this.#refuse();
  transfer = (): Promise<void> => this.#refuse();
  stopStore = (): Promise<void> => this.#refuse();
  startStore = (): Promise<void> => this.#refuse();
  pdStop = (): Promise<void> => this.#refuse();
  pdStart = (): Promise<void> => this.#refuse();
  pdLead = (): Promise<void> => this.#refuse();
  shiftClock = (): Promise<void> => this.#refuse();
  fault = (): Promise<void> => this.#refuse();
  calls = (): Promise<Readonly<Record<string, number>>> => this.#refuse();

  /** There are none to clear. */
  clearFaults(): Promise<void> {
    return Promise.resolve();
  }

  violations(): readonly string[] {
    return [];
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  #refuse(): Promise<never> {
    return Promise.reject(new Error('Nothing may be done to a cluster that is only visited'));
  }
}
