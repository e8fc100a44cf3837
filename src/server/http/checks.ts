import { EMPTY_BYTES } from '../../base/index.ts';
import { AlarmType, type StoreApi } from '../../store/index.ts';
import type { RangeRequest } from '../../wire/index.ts';

/** A check gives the reason of its failure, or undefined. */
export type Check = () => Promise<string | undefined>;

/** What etcd's probes ask of a member (server/etcdserver/api/etcdhttp/health.go). */
export interface HealthChecks {
  readonly serializableRead: Check;
  readonly linearizableRead: Check;
  readonly dataCorruption: Check;
  readonly nonLearner: Check;
  /** The alarms that `/health` fails for, by the names that `exclude` takes. */
  alarms(): string[];
}

/** One read may take this long before a probe counts as failed; etcd's request timeout. */
const readTimeoutMs = 7000;

export function healthChecks(store: StoreApi): HealthChecks {
  return {
    serializableRead: () => read(store, true),
    linearizableRead: () => read(store, false),
    dataCorruption: () => {
      const corrupt = store.status().alarms.some((each) => each.alarm === AlarmType.corrupt);
      return Promise.resolve(corrupt ? 'alarm activated: CORRUPT' : undefined);
    },
    nonLearner: () => Promise.resolve(undefined),
    alarms: () => {
      const { alarms, refusal } = store.status();
      const names = alarms.map((each) => alarmName(each.alarm));
      // A full disk: nobody has raised the alarm, because that would be a write.
      return refusal === 'NoSpace' && !names.includes('NOSPACE') ? [...names, 'NOSPACE'] : names;
    },
  };
}

function alarmName(alarm: number): string {
  if (alarm === AlarmType.noSpace) return 'NOSPACE';
  return alarm === AlarmType.corrupt ? 'CORRUPT' : 'UNKNOWN';
}

/** etcd's probe: keys only, at most one, from the lowest key on. */
function read(store: StoreApi, serializable: boolean): Promise<string | undefined> {
  const request: RangeRequest = {
    key: Buffer.from([0]),
    rangeEnd: EMPTY_BYTES,
    limit: 1,
    revision: 0,
    sortOrder: 0,
    sortTarget: 0,
    serializable,
    keysOnly: true,
    countOnly: false,
    minModRevision: 0,
    maxModRevision: 0,
    minCreateRevision: 0,
    maxCreateRevision: 0,
  };
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve('context deadline exceeded'), readTimeoutMs);
    timer.unref();
    store.range(request, (error) => {
      clearTimeout(timer);
      resolve(error?.message);
    });
  });
}
