import { EMPTY_BYTES, type Bytes } from '../base/index.ts';
import type { ForwardedAnswer, ServeForwarded } from '../cluster/index.ts';
import {
  GrpcCode,
  type Call,
  type GrpcStatus,
  type Message,
  type Method,
  type UnaryHandler,
} from '../transport/index.ts';
import type { CallContext, LeaderCalls } from './context.ts';
import { statusOfCode, unsupported } from './errors.ts';
import { Headers } from './headers.ts';
import { KV_PATH, kvService } from './kv.ts';
import { LEASE_PATH, leaderLeaseMethods, oneKeepAlive } from './lease.ts';
import { ALARM_PATH, alarm } from './maintenance.ts';
import { wholeMessage } from './whole-message.ts';

/** Services are kept for so many other nodes; each is one start of one name on one log, so there are few. */
const membersMax = 256;

export interface ForwardedCallsOptions {
  /** What the calls are served from now; undefined before there is anything. Headers are those of the node that asks. */
  readonly context: () => Omit<CallContext, 'headers' | 'node'> | undefined;
  /** A handler threw, which is a bug. Its call has been answered with Internal. */
  readonly onFault: (error: unknown, path: string) => void;
}

/**
 * Serves what other nodes forward to the leader, with the same handlers that serve clients; only headers differ, which name
 * the member that the client is connected to. What this node does not lead any more it refuses: nothing is forwarded twice.
 */
export class ForwardedCalls {
  readonly #options: ForwardedCallsOptions;
  /** By store, so that one in whose place another came is not kept for a node that may never call again. */
  readonly #stores = new WeakMap<CallContext['store'], Map<bigint, MemberMethods>>();
  #served = 0;

  constructor(options: ForwardedCallsOptions) {
    this.#options = options;
  }

  /** Calls that came from other nodes, since the start. */
  get served(): number {
    return this.#served;
  }

  readonly serve: ServeForwarded = ({ member, method, request }, reply) => {
    this.#served++;
    const context = this.#options.context();
    if (context === undefined) {
      reply(failed(statusOfCode('NoLeader')));
      return;
    }
    const entry = this.#callsOf(member, context).get(method);
    if (entry === undefined) {
      reply(failed(unsupported(`${method} is not forwarded`)));
      return;
    }
    try {
      entry.handle(request, entry.call, (status, response) => reply(answerOf(status, response)));
    } catch (error) {
      reply(failed(INTERNAL));
      this.#options.onFault(error, method);
    }
  };

  #callsOf(member: bigint, context: Omit<CallContext, 'headers' | 'node'>): MemberMethods {
    const { store } = context;
    const members = this.#stores.get(store) ?? new Map<bigint, MemberMethods>();
    const known = members.get(member);
    if (known !== undefined) return known;
    this.#stores.set(store, members);
    if (members.size >= membersMax) members.clear();
    const headers = new Headers(store.clusterId, member, store);
    const methods = methodsOf({ ...context, headers, node: HERE });
    members.set(member, methods);
    return methods;
  }
}

type MemberMethods = ReadonlyMap<string, ForwardedMethod>;

interface ForwardedMethod {
  readonly handle: UnaryHandler;
  readonly call: Call;
}

/** What was forwarded is answered here or nowhere. A store that does not lead refuses it. */
const HERE: LeaderCalls = {
  leads: true,
  forward: (_method, _request, done) => done(failed(statusOfCode('NoLeader'))),
};

/** All that a node forwards. */
function methodsOf(context: CallContext): ReadonlyMap<string, ForwardedMethod> {
  const { Put, DeleteRange, Txn, Compact } = kvService(context).methods;
  const lease = { ...leaderLeaseMethods(context), LeaseKeepAlive: oneKeepAlive(context) };
  const methods = {
    ...withPrefix(KV_PATH, { Put, DeleteRange, Txn, Compact }),
    ...withPrefix(LEASE_PATH, lease),
    [ALARM_PATH]: alarm(context),
  };
  const served = new Map<string, ForwardedMethod>();
  for (const [path, method] of Object.entries(methods)) {
    if (method?.kind === 'unary') served.set(path, { handle: method.handle, call: forwardedCall(path) });
  }
  return served;
}

function withPrefix(
  prefix: string,
  methods: Readonly<Record<string, Method | undefined>>,
): Record<string, Method | undefined> {
  return Object.fromEntries(Object.entries(methods).map(([name, method]) => [prefix + name, method]));
}

/** The deadline is the client's, which the node that it is connected to looks after. */
function forwardedCall(path: string): Call {
  return {
    path,
    peer: 'another node',
    deadlineMs: Infinity,
    ended: false,
    metadata: () => undefined,
    onCancel: () => undefined,
  };
}

const INTERNAL: GrpcStatus = { code: GrpcCode.internal, message: 'engram: internal error' };

function answerOf(status: GrpcStatus | undefined, response: Message = EMPTY_BYTES): ForwardedAnswer {
  if (status !== undefined) return failed(status);
  const body: Bytes = wholeMessage(response);
  return { code: GrpcCode.ok, message: '', body };
}

function failed({ code, message }: GrpcStatus): ForwardedAnswer {
  return { code, message, body: EMPTY_BYTES };
}
