import { setTimeout as sleep } from 'node:timers/promises';
import type * as grpc from '@grpc/grpc-js';
import type { MethodDefinition } from '@grpc/grpc-js';
import { clean } from '../protocol.ts';
import type { Message } from '../protocol.ts';

/** What notes are taken with: the probe that opened the stream. */
interface Notebook {
  note(label: string, value: unknown): void;
}

const ARRIVES_WITHIN_MS = 60_000;
/** etcd's watchers catch up every 100 ms. */
const QUIET_MS = 250;

/** A bidirectional stream of a probe. */
export class ProbeStream {
  readonly #notebook: Notebook;
  readonly #call: grpc.ClientDuplexStream<Buffer, Buffer>;
  readonly #method: MethodDefinition<Message, Message>;
  #messages: Message[] = [];
  #status: { code: number; text: string } | undefined;

  constructor(
    notebook: Notebook,
    call: grpc.ClientDuplexStream<Buffer, Buffer>,
    method: MethodDefinition<Message, Message>,
  ) {
    this.#notebook = notebook;
    this.#call = call;
    this.#method = method;
    call.on('data', (bytes: Buffer) => this.#messages.push(method.responseDeserialize(bytes)));
    call.on('error', () => undefined); // The status tells.
    call.on('status', ({ code, details }) => (this.#status = { code, text: details }));
  }

  get status(): { readonly code: number; readonly text: string } | undefined {
    return this.#status;
  }

  send(message: Message): this {
    return this.sendBytes(this.#method.requestSerialize(clean(message) as Message));
  }

  sendBytes(bytes: Buffer): this {
    this.#call.write(bytes);
    return this;
  }

  /** The next responses: as many as make `count`, where a response of events counts as many as it has. */
  async take(count: number): Promise<Message[]> {
    const untilMs = Date.now() + ARRIVES_WITHIN_MS;
    while (weight(this.#messages) < count && this.#status === undefined && Date.now() < untilMs)
      await sleep(3);
    const came = weight(this.#messages);
    if (came < count && this.#status === undefined)
      throw new Error(`Only ${came} of ${count} responses came within ${ARRIVES_WITHIN_MS} ms`);
    const taken = this.#messages;
    this.#messages = [];
    return taken;
  }

  /** Everything that comes until nothing has come for `quietMs`. */
  async quiet(quietMs = QUIET_MS): Promise<Message[]> {
    let seen = -1;
    while (seen !== this.#messages.length) {
      seen = this.#messages.length;
      await sleep(quietMs);
    }
    return this.take(0);
  }

  /** Notes the next responses, and what comes within a moment more than was awaited. */
  async expect(label: string, count: number, quietMs = QUIET_MS): Promise<Message[]> {
    const messages = [...(await this.take(count)), ...(await this.quiet(quietMs))];
    this.#notebook.note(label, { watchers: byWatcher(messages), ended: this.#status });
    return messages;
  }

  /** Notes how the stream ended. */
  async ends(label: string): Promise<void> {
    const untilMs = Date.now() + ARRIVES_WITHIN_MS;
    while (this.#status === undefined && Date.now() < untilMs) await sleep(3);
    this.#notebook.note(label, this.#status);
  }

  halfClose(): void {
    this.#call.end();
  }

  cancel(): void {
    this.#call.cancel();
  }
}

const eventsOf = (message: Message): Message[] => (message['events'] as Message[] | undefined) ?? [];

function weight(messages: readonly Message[]): number {
  return messages.reduce((sum, message) => sum + Math.max(1, eventsOf(message).length), 0);
}

/** Per watcher its answers, and its events as one run: how they are batched follows timing. */
function byWatcher(messages: readonly Message[]): unknown {
  const watchers = new Map<string, unknown[]>();
  for (const message of messages) {
    const id = String(message['watch_id'] ?? message['ID']);
    const items = watchers.get(id) ?? [];
    watchers.set(id, items);
    const events = eventsOf(message);
    if (events.length === 0) items.push(message);
    else items.push(...events);
  }
  return [...watchers].sort(([a], [b]) => Number(a) - Number(b));
}
