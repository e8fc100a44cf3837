import { isDeepStrictEqual } from 'node:util';
import { decodeRequest, decodeResponse } from './protocol.ts';
import type { Message, Outcome } from './protocol.ts';
import type { Step, StepResult, StreamOutcome } from './step.ts';

export interface CompareOptions {
  /** The reference is etcd 3.6: see the meant differences `keysOnlyLease` and `checkOrder`. */
  readonly older: boolean;
}

/** What differs between the two results of one step, in words; undefined when nothing does. */
export function difference(
  step: Step,
  [expected, found]: readonly [StepResult, StepResult],
  options: CompareOptions,
): string | undefined {
  if (step.kind === 'call' && expected.kind === 'call' && found.kind === 'call') {
    return unequal(normalCall(step, expected.outcome, options), normalCall(step, found.outcome, options));
  }
  if (expected.kind === 'settle' && found.kind === 'settle') {
    return unequal(normalStreams(expected.streams), normalStreams(found.streams));
  }
  return expected.kind === found.kind ? undefined : `a ${found.kind} instead of a ${expected.kind}`;
}

function unequal(expected: unknown, found: unknown): string | undefined {
  if (isDeepStrictEqual(expected, found)) return undefined;
  const where = firstDifference(expected, found, '');
  return `${where}\netcd   ${show(expected).slice(0, SHOWN_MAX)}\nengram ${show(found).slice(0, SHOWN_MAX)}`;
}

const SHOWN_MAX = 600;

/** The first place where two normal forms differ. */
function firstDifference(expected: unknown, found: unknown, path: string): string {
  const isNode = (value: unknown): value is Record<string, unknown> =>
    typeof value === 'object' && value !== null && !Buffer.isBuffer(value);
  if (!isNode(expected) || !isNode(found)) return `${path}: etcd ${show(expected)}, engram ${show(found)}`;
  for (const name of new Set([...Object.keys(expected), ...Object.keys(found)])) {
    const [a, b] = [expected[name], found[name]];
    if (!isDeepStrictEqual(a, b)) return firstDifference(a, b, `${path}/${name}`);
  }
  return path;
}

export function show(value: unknown): string {
  if (value === undefined) return 'nothing';
  return JSON.stringify(value, (_key, held: unknown) => {
    if (typeof held !== 'object' || held === null || !('type' in held) || held.type !== 'Buffer') return held;
    return Buffer.from((held as unknown as { data: number[] }).data).toString('latin1');
  });
}

// ---- Calls

function normalCall(
  step: Extract<Step, { kind: 'call' }>,
  outcome: Outcome,
  options: CompareOptions,
): unknown {
  if (outcome.error !== undefined)
    return normalError(outcome.error, options.older && step.path.endsWith('/Txn'));
  const messages = outcome.messages.map((bytes) => decodeResponse(step.path, bytes));
  const message = step.path.endsWith('/RangeStream') ? mergeChunks(messages) : messages[0]!;
  maskHeader(message);
  // A request that parses to an answer here parses there too.
  const request = decodeRequest(step.path, step.request);
  if (step.path.endsWith('/Range')) normalRange(request, message, options);
  if (step.path.endsWith('/Txn')) normalTxn(request, message, options);
  if (step.path.endsWith('/LeaseTimeToLive')) normalTimeToLive(message);
  if (step.path.endsWith('/Alarm')) for (const alarm of list(message['alarms'])) alarm['memberID'] = 'masked';
  return message;
}

const CHECKED_IN_OTHER_ORDER = new Set([
  'etcdserver: key not found',
  'etcdserver: requested lease not found',
]);

function normalError({ code, text }: { code: number; text: string }, olderTxn = false): unknown {
  if (olderTxn && CHECKED_IN_OTHER_ORDER.has(text)) return 'key or lease not found';
  return { code, text: text.replace(/(error unmarshalling request: ).*/s, '$1...') };
}

function mergeChunks(chunks: readonly Message[]): Message {
  const responses = chunks.map((chunk) => chunk['range_response'] as Message);
  const misplaced = responses
    .slice(0, -1)
    .filter((r) => r['header'] !== null || r['count'] !== '0' || r['more'] === true);
  return {
    ...responses.at(-1)!,
    kvs: responses.flatMap((response) => list(response['kvs'])),
    misplaced: misplaced.length,
  };
}

function maskHeader(message: Message): void {
  const header = message['header'] as Message | null | undefined;
  if (header === null || header === undefined) return;
  for (const field of ['cluster_id', 'member_id', 'raft_term'])
    header[field] = header[field] === '0' ? 'zero' : 'set';
}

const SORT_FIELDS = ['key', 'version', 'create_revision', 'mod_revision', 'value'] as const;

function normalRange(request: Message, response: Message, options: CompareOptions): void {
  const kvs = list(response['kvs']);
  if (request['keys_only'] === true && options.older) for (const kv of kvs) kv['lease'] = 'masked';
  const field = SORT_FIELDS[Number(request['sort_target'])] ?? 'key';
  if (field === 'key') return;
  // Keys that tie are put in key order; where a limit cut through a tie, which of them came is left to the server.
  const order = new Map<string, Message[]>();
  for (const kv of kvs) {
    const value = String(kv[field]);
    order.set(value, [...(order.get(value) ?? []), kv]);
  }
  const groups = [...order.values()].map((group) =>
    group.sort((a, b) => Buffer.compare(a['key'] as Buffer, b['key'] as Buffer)),
  );
  if (response['more'] === true && groups.length > 0)
    groups[groups.length - 1] = groups.at(-1)!.map((kv) => ({ [field]: kv[field] }));
  response['kvs'] = groups.flat();
}

function normalTxn(request: Message, response: Message, options: CompareOptions): void {
  const taken = list(response['succeeded'] === true ? request['success'] : request['failure']);
  list(response['responses']).forEach((op, i) => {
    const asked = taken[i] ?? {};
    for (const held of Object.values(op))
      if (typeof held === 'object' && held !== null) maskHeader(held as Message);
    if (op['response'] === 'response_range')
      normalRange(asked['request_range'] as Message, op['response_range'] as Message, options);
    if (op['response'] === 'response_txn')
      normalTxn(asked['request_txn'] as Message, op['response_txn'] as Message, options);
  });
}

function normalTimeToLive(message: Message): void {
  message['TTL'] = Number(message['TTL']) > 0 ? 'positive' : message['TTL'];
  message['keys'] = (message['keys'] as Buffer[]).map((key) => key.toString('latin1')).sort();
}

// ---- Streams

function normalStreams(streams: readonly StreamOutcome[]): unknown {
  return streams.map(({ stream, path, messages, error }) => {
    const decoded = messages.map((bytes) => decodeResponse(path, bytes));
    for (const message of decoded) maskHeader(message);
    const normal = path.endsWith('/Watch') ? normalWatch(decoded) : decoded;
    return { stream, normal, error: error === undefined ? undefined : normalError(error) };
  });
}

/** Per watcher, in order: its answers, and its events as one run wherever no answer stands between them. */
function normalWatch(responses: readonly Message[]): unknown {
  const watchers = new Map<string, unknown[]>();
  for (const response of responses) {
    const id = String(response['watch_id']);
    const items = watchers.get(id) ?? [];
    watchers.set(id, items);
    const events = list(response['events']);
    if (events.length === 0) items.push(response);
    else items.push(...events);
  }
  return [...watchers].sort(([a], [b]) => Number(a) - Number(b));
}

const list = (value: unknown): Message[] => (Array.isArray(value) ? (value as Message[]) : []);
