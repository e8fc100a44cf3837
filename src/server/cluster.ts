import type { Method, Service } from '../transport/index.ts';
import type { Member } from '../wire/index.ts';
import type { ServerContext } from './context.ts';
import { statusOfCode, unsupported } from './errors.ts';
import { coldUnary } from './unary.ts';

/** `etcdserverpb.Cluster` of a single member. Calls that would change the membership are refused as exactly as etcd can. */
export function clusterService(context: ServerContext): Service {
  return {
    name: 'etcdserverpb.Cluster',
    methods: {
      MemberAdd: memberAdd(),
      MemberRemove: memberRemove(context),
      MemberUpdate: memberUpdate(context),
      MemberList: memberList(context),
      MemberPromote: memberPromote(context),
    },
  };
}

function thisMember({ headers, name, clientUrls }: ServerContext): Member {
  return { ID: headers.memberId, name, peerURLs: [], clientURLs: [...clientUrls], isLearner: false };
}

function memberList(context: ServerContext): Method {
  return coldUnary(
    { request: 'etcdserverpb.MemberListRequest', response: 'etcdserverpb.MemberListResponse' },
    // The headers of this service carry no revision in etcd (v3rpc/member.go).
    (_request, reply, encode) =>
      reply(undefined, encode({ header: context.headers.message(0), members: [thisMember(context)] })),
  );
}

function memberAdd(): Method {
  return coldUnary(
    { request: 'etcdserverpb.MemberAddRequest', response: 'etcdserverpb.MemberAddResponse' },
    (request, reply) => {
      const valid = request.peerURLs.length > 0 && request.peerURLs.every(isPeerUrl);
      reply(
        valid
          ? unsupported('this server is the only member, none can be added')
          : statusOfCode('MemberBadURLs'),
      );
    },
  );
}

/** As `types.NewURLs` of etcd: a scheme that it knows, a host with a port, and no path. */
function isPeerUrl(text: string): boolean {
  return /^(https?|unixs?):\/\/[^/?#]+:\d+$/.test(text.trim());
}

function memberRemove({ headers }: ServerContext): Method {
  return coldUnary(
    { request: 'etcdserverpb.MemberRemoveRequest', response: 'etcdserverpb.MemberRemoveResponse' },
    (request, reply) =>
      reply(statusOfCode(request.ID === headers.memberId ? 'MemberNotEnoughStarted' : 'MemberNotFound')),
  );
}

function memberUpdate({ headers }: ServerContext): Method {
  return coldUnary(
    { request: 'etcdserverpb.MemberUpdateRequest', response: 'etcdserverpb.MemberUpdateResponse' },
    (request, reply) => {
      if (request.ID !== headers.memberId) reply(statusOfCode('MemberNotFound'));
      else reply(unsupported('this server is the only member and has no peer URLs'));
    },
  );
}

function memberPromote({ headers }: ServerContext): Method {
  return coldUnary(
    { request: 'etcdserverpb.MemberPromoteRequest', response: 'etcdserverpb.MemberPromoteResponse' },
    (request, reply) =>
      reply(statusOfCode(request.ID === headers.memberId ? 'MemberNotLearner' : 'MemberNotFound')),
  );
}
