import type { ClusterMember, ClusterNodeApi } from '../cluster/index.ts';
import type { GrpcStatus, Method, Service } from '../transport/index.ts';
import type { Member } from '../wire/index.ts';
import type { ServerContext } from './context.ts';
import { statusOf, statusOfCode, unsupported } from './errors.ts';
import { probeRead } from './probe-read.ts';
import { coldUnary } from './unary.ts';

/**
 * `etcdserverpb.Cluster`. Members come by being started on the same store and go by being stopped, so there is nothing for
 * a client to change: what is wrong with a request is said in etcd's words, the rest is not implemented.
 */
export function clusterService(context: ServerContext): Service {
  const { node } = context;
  return {
    name: 'etcdserverpb.Cluster',
    methods: {
      MemberAdd: memberAdd(node),
      MemberRemove: memberRemove(node),
      MemberUpdate: memberUpdate(node),
      MemberList: memberList(context),
      MemberPromote: memberPromote(node),
    },
  };
}

function memberMessage({ id, name, peerUrls, clientUrls }: ClusterMember): Member {
  return { ID: id, name, peerURLs: [...peerUrls], clientURLs: [...clientUrls], isLearner: false };
}

/** etcd's order of members (membership.MembersByID). */
function byId(a: Member, b: Member): number {
  if (a.ID === b.ID) return 0;
  return a.ID < b.ID ? -1 : 1;
}

/** As in etcd, a linearizable list waits for the leader's word, and the headers carry no revision (v3rpc/member.go). */
function memberList(context: ServerContext): Method {
  return coldUnary(
    { request: 'etcdserverpb.MemberListRequest', response: 'etcdserverpb.MemberListResponse' },
    ({ linearizable }, reply, { encode }) => {
      const list = (): void => {
        const { node, headers } = context;
        const members = node.members().map(memberMessage).sort(byId);
        reply(undefined, encode({ header: headers.message(0), members }));
      };
      if (!linearizable) return list();
      probeRead(context.store, false, (error) => {
        if (error === undefined) list();
        else reply(statusOf(error));
      });
    },
  );
}

function memberAdd(node: ClusterNodeApi): Method {
  return coldUnary(
    { request: 'etcdserverpb.MemberAddRequest', response: 'etcdserverpb.MemberAddResponse' },
    ({ peerURLs }, reply) => reply(addRefusal(node, peerURLs)),
  );
}

function addRefusal(node: ClusterNodeApi, urls: readonly string[]): GrpcStatus {
  if (urls.length === 0 || !urls.every(isPeerUrl)) return statusOfCode('MemberBadURLs');
  const taken = node.members().flatMap(({ peerUrls }) => peerUrls);
  if (urls.some((url) => taken.includes(url.trim()))) return statusOfCode('PeerURLExist');
  return unsupported('a member joins by being started on the same store, none can be added');
}

/** As `types.NewURLs` of etcd: a scheme that it knows, a host with a port, and no path. */
function isPeerUrl(text: string): boolean {
  return /^(https?|unixs?):\/\/[^/?#]+:\d+$/.test(text.trim());
}

/** The last member cannot be removed from a cluster of etcd either. */
function memberRemove(node: ClusterNodeApi): Method {
  return coldUnary(
    { request: 'etcdserverpb.MemberRemoveRequest', response: 'etcdserverpb.MemberRemoveResponse' },
    ({ ID }, reply) => {
      if (!isMember(node, ID)) reply(statusOfCode('MemberNotFound'));
      else if (node.members().length === 1) reply(statusOfCode('MemberNotEnoughStarted'));
      else reply(unsupported('a member leaves by being stopped, none can be removed'));
    },
  );
}

function memberUpdate(node: ClusterNodeApi): Method {
  return coldUnary(
    { request: 'etcdserverpb.MemberUpdateRequest', response: 'etcdserverpb.MemberUpdateResponse' },
    ({ ID }, reply) => {
      if (!isMember(node, ID)) reply(statusOfCode('MemberNotFound'));
      else reply(unsupported('the peer URLs of a member are those that it was started with'));
    },
  );
}

/** There are no learners. */
function memberPromote(node: ClusterNodeApi): Method {
  return coldUnary(
    { request: 'etcdserverpb.MemberPromoteRequest', response: 'etcdserverpb.MemberPromoteResponse' },
    ({ ID }, reply) => reply(statusOfCode(isMember(node, ID) ? 'MemberNotLearner' : 'MemberNotFound')),
  );
}

function isMember(node: ClusterNodeApi, member: bigint): boolean {
  return node.members().some(({ id }) => id === member);
}
