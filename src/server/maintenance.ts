import { AlarmAction, AlarmType, storeError, type Alarm, type AlarmResult } from '../store/index.ts';
import type { GrpcStatus, Method, Service } from '../transport/index.ts';
import { DowngradeAction } from '../wire/index.ts';
import {
  CLUSTER_VERSION,
  ETCD_VERSION,
  STORAGE_VERSION,
  type CallContext,
  type ServerContext,
} from './context.ts';
import {
  LEADER_TRANSFER_TIMEOUT,
  statusOfCode,
  UNKNOWN_ALARM_ACTION,
  UNKNOWN_METHOD,
  unsupported,
} from './errors.ts';
import { answer, coldUnary, forward, type UnaryMethod } from './unary.ts';

/** `etcdserverpb.Maintenance`. */
export function maintenanceService(context: ServerContext): Service {
  return {
    name: 'etcdserverpb.Maintenance',
    methods: {
      Alarm: alarm(context),
      Status: status(context),
      Defragment: defragment(context),
      Hash: hash(context),
      HashKV: hashKv(context),
      Snapshot: {
        kind: 'serverStream',
        handle: (_request, stream) => stream.end(unsupported('snapshots are not supported yet')),
      },
      MoveLeader: moveLeader(context),
      Downgrade: downgrade(context),
    },
  };
}

export const ALARM_PATH = '/etcdserverpb.Maintenance/Alarm';

const KNOWN_ACTIONS: ReadonlySet<number> = new Set(Object.values(AlarmAction));

/** Only the leader answers, also what alarms there are: in etcd that goes through the log as well. */
export function alarm(context: CallContext): UnaryMethod {
  const { node } = context;
  return coldUnary(
    { request: 'etcdserverpb.AlarmRequest', response: 'etcdserverpb.AlarmResponse' },
    (request, reply, { encode, bytes }) => {
      // etcd ends its process for this one.
      if (!KNOWN_ACTIONS.has(request.action)) return reply(UNKNOWN_ALARM_ACTION);
      if (!node.leads) return forward({ node, path: ALARM_PATH }, bytes, reply);
      const { store, headers } = context;
      store.alarm(
        { action: request.action, member: request.memberID, alarm: request.alarm },
        answer(reply, ({ revision, alarms }: AlarmResult) =>
          encode({
            header: headers.message(revision),
            alarms: alarms.map((each) => ({ memberID: each.member, alarm: each.alarm })),
          }),
        ),
      );
    },
  );
}

function status(context: ServerContext): Method {
  return coldUnary(
    { request: 'etcdserverpb.StatusRequest', response: 'etcdserverpb.StatusResponse' },
    (_request, reply, { encode }) => {
      const { node, store, headers } = context;
      const facts = store.status();
      const leader = node.leaderId;
      const response = encode({
        header: headers.message(facts.revision),
        version: ETCD_VERSION,
        dbSize: facts.sizeBytes,
        leader,
        raftIndex: facts.sequence,
        raftTerm: facts.epoch,
        raftAppliedIndex: facts.sequence,
        errors: [...(leader === 0n ? [NO_LEADER] : []), ...facts.alarms.map(alarmText)],
        dbSizeInUse: facts.inUseBytes,
        isLearner: false,
        storageVersion: STORAGE_VERSION,
        dbSizeQuota: facts.quotaBytes,
        downgradeInfo: { enabled: false, targetVersion: '' },
      });
      reply(undefined, response);
    },
  );
}

const NO_LEADER = storeError('NoLeader').message;

const ALARM_NAMES: Readonly<Record<number, string>> = {
  [AlarmType.noSpace]: 'NOSPACE',
  [AlarmType.corrupt]: 'CORRUPT',
};

/** protobuf's text form of an AlarmMember, which etcd puts into `errors`: without what is zero. */
function alarmText(each: Alarm): string {
  const member = each.member === 0n ? '' : `memberID:${each.member} `;
  return `${member}alarm:${ALARM_NAMES[each.alarm] ?? each.alarm}`;
}

function defragment(context: ServerContext): Method {
  return coldUnary(
    { request: 'etcdserverpb.DefragmentRequest', response: 'etcdserverpb.DefragmentResponse' },
    (_request, reply, { encode }) => {
      const { store, logger } = context;
      logger.info('starting to defragment');
      store.defragment().then(
        () => {
          logger.info('finished defragmenting');
          reply(undefined, encode({}));
        },
        (cause: unknown) => {
          const reason = cause instanceof Error ? cause.message : String(cause);
          logger.warn('cannot defragment', { reason });
          reply({ code: 2, message: `engram: cannot defragment: ${reason}` });
        },
      );
    },
  );
}

function hash(context: ServerContext): Method {
  return coldUnary(
    { request: 'etcdserverpb.HashRequest', response: 'etcdserverpb.HashResponse' },
    (_request, reply, { encode }) => {
      const { store, headers } = context;
      store.hash(
        answer(reply, (result) => encode({ header: headers.message(result.revision), hash: result.hash })),
      );
    },
  );
}

function hashKv(context: ServerContext): Method {
  return coldUnary(
    { request: 'etcdserverpb.HashKVRequest', response: 'etcdserverpb.HashKVResponse' },
    (request, reply, { encode }) => {
      const { store, headers } = context;
      store.hashKv(
        request.revision,
        answer(reply, (result) =>
          encode({
            header: headers.message(result.revision),
            hash: result.hash,
            compact_revision: result.compactRevision,
            hash_revision: result.hashRevision,
          }),
        ),
      );
    },
  );
}

/** As in etcd, only the leader hands the lead over, and handing it to itself is done at once. The answer has no header. */
function moveLeader({ node }: ServerContext): Method {
  return coldUnary(
    { request: 'etcdserverpb.MoveLeaderRequest', response: 'etcdserverpb.MoveLeaderResponse' },
    (request, reply, { encode }) => {
      const refusal = moveRefusal(node, request.targetID);
      if (refusal !== undefined) return reply(refusal);
      if (request.targetID === node.memberId) return reply(undefined, encode({}));
      node.moveLeader(request.targetID, (failure) => {
        if (failure === undefined) reply(undefined, encode({}));
        else reply(failure === 'Timeout' ? LEADER_TRANSFER_TIMEOUT : statusOfCode(failure));
      });
    },
  );
}

function moveRefusal(node: ServerContext['node'], target: bigint): GrpcStatus | undefined {
  if (!node.leads) return statusOfCode('NotLeader');
  const isMember = node.members().some(({ id }) => id === target);
  return isMember ? undefined : statusOfCode('BadLeaderTransferee');
}

/** What etcd takes for a version: `MAJOR.MINOR`, or three numbers with what semver allows behind them. */
const VERSION_PATTERN = /^(\d+)\.(\d+)(?:\.(\d+)(?:-(IDS)?)?(?:\+(IDS)?)?)?$/;
const VERSION = new RegExp(VERSION_PATTERN.source.replaceAll('IDS', '[0-9A-Za-z-]+(?:\\.[0-9A-Za-z-]+)*'));
const INT64_MAX = 2n ** 63n - 1n;

function isVersion(text: string): boolean {
  const numbers = VERSION.exec(text)?.slice(1, 4);
  return numbers?.every((each) => BigInt(each ?? 0) <= INT64_MAX) ?? false;
}

/**
 * There is no older format to go back to, so no target version is a valid one: also not the one that etcd can go back to,
 * which is the minor version before its own.
 */
function downgrade(context: ServerContext): Method {
  return coldUnary(
    { request: 'etcdserverpb.DowngradeRequest', response: 'etcdserverpb.DowngradeResponse' },
    (request, reply, { encode }) => {
      switch (request.action) {
        case DowngradeAction.validate:
        case DowngradeAction.enable:
          if (isVersion(request.version)) reply(statusOfCode('InvalidDowngradeTargetVersion'));
          else reply(statusOfCode('WrongDowngradeVersionFormat'));
          return;
        case DowngradeAction.cancel:
          // etcd answers so too when there is nothing to cancel.
          reply(undefined, encode({ header: context.headers.message(), version: CLUSTER_VERSION }));
          return;
        default:
          reply(UNKNOWN_METHOD);
      }
    },
  );
}
