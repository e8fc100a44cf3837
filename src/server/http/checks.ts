import { AlarmType, type StoreApi, type StoreStatus } from '../../store/index.ts';
import type { ServerContext } from '../context.ts';
import { probeRead } from '../probe-read.ts';

/** A check gives the reason of its failure, or undefined. */
export type Check = () => Promise<string | undefined>;

/** What etcd's probes ask of a member (server/etcdserver/api/etcdhttp/health.go). */
export interface HealthChecks {
  readonly serializableRead: Check;
  readonly linearizableRead: Check;
  readonly dataCorruption: Check;
  readonly nonLearner: Check;
  /** Whether the member knows a leader. */
  hasLeader(): boolean;
  /** The alarms that `/health` fails for, by the names that `exclude` takes. */
  alarms(): string[];
}

/** One read may take this long before a probe counts as failed; etcd's request timeout. */
const readTimeoutMs = 7000;

export function healthChecks(context: Pick<ServerContext, 'store' | 'node'>): HealthChecks {
  return {
    serializableRead: () => read(context.store, true),
    linearizableRead: () => read(context.store, false),
    dataCorruption: () => {
      const corrupt = context.store.status().alarms.some((each) => each.alarm === AlarmType.corrupt);
      return Promise.resolve(corrupt ? 'alarm activated: CORRUPT' : undefined);
    },
    nonLearner: () => Promise.resolve(undefined),
    hasLeader: () => context.node.hasLeader(),
    alarms: () => alarmNames(context.store.status()),
  };
}

/** Each alarm as often as there are members that have raised it; a full disk is NOSPACE once. */
export function alarmNames({ alarms, refusal }: Pick<StoreStatus, 'alarms' | 'refusal'>): string[] {
  const names = alarms.map((each) => alarmName(each.alarm));
  // A full disk: nobody has raised the alarm, because that would be a write.
  return refusal === 'NoSpace' && !names.includes('NOSPACE') ? [...names, 'NOSPACE'] : names;
}

function alarmName(alarm: number): string {
  if (alarm === AlarmType.noSpace) return 'NOSPACE';
  return alarm === AlarmType.corrupt ? 'CORRUPT' : 'UNKNOWN';
}

function read(store: StoreApi, serializable: boolean): Promise<string | undefined> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve('context deadline exceeded'), readTimeoutMs);
    timer.unref();
    probeRead(store, serializable, (error) => {
      clearTimeout(timer);
      resolve(error?.message);
    });
  });
}
