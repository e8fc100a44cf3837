import { setTimeout as sleep } from 'node:timers/promises';
import { Connection, decodeResponse } from './protocol.ts';
import type { Message, OpenStream } from './protocol.ts';
import type { Step, StepResult, StreamOutcome } from './step.ts';

/** etcd's watchers catch up every 100 ms, so that a stream silent for longer has nothing more to say. */
const QUIET_MS = 260;
/** Only what never comes runs into this. */
const EXPECTED_WITHIN_MS = 60_000;
/** Cancelling an unknown watcher has no answer. */
const ANSWER_WITHIN_MS = 25;
/** After all that was expected has come: time for something that was not expected. */
const SURPLUS_MS = 4;

/** Runs steps against one server. */
export class Executor {
  readonly #connection: Connection;
  readonly #paths = new Map<number, string>();

  constructor(target: string) {
    this.#connection = new Connection(target);
  }

  /** `expected`: what the other server gave for this step, so that a settle need not wait for silence. */
  async run(step: Step, expected?: StepResult): Promise<StepResult> {
    switch (step.kind) {
      case 'call':
        return { kind: 'call', outcome: await this.#connection.call(step.path, step.request) };
      case 'open':
        this.#paths.set(step.stream, step.path);
        this.#connection.open(step.stream, step.path);
        return { kind: 'none' };
      case 'send':
        await this.#send(this.#connection.stream(step.stream), step.request);
        return { kind: 'none' };
      case 'settle':
        if (expected?.kind === 'settle') await this.#waitFor(expected.streams);
        else await this.#waitForSilence();
        return { kind: 'settle', streams: this.#take() };
    }
  }

  close(): void {
    this.#connection.close();
  }

  /** Waits for the answer, if there is one, so that no later call overtakes what was sent. */
  async #send(stream: OpenStream, request: Buffer): Promise<void> {
    const before = stream.waiting.length;
    stream.send(request);
    const untilMs = Date.now() + ANSWER_WITHIN_MS;
    while (stream.waiting.length === before && stream.error === undefined && Date.now() < untilMs)
      await sleep(1);
  }

  async #waitForSilence(): Promise<void> {
    const startMs = Date.now();
    for (;;) {
      const last = Math.max(startMs, ...[...this.#connection.streams()].map(([, stream]) => stream.lastAtMs));
      const leftMs = last + QUIET_MS - Date.now();
      if (leftMs <= 0) return;
      await sleep(leftMs);
    }
  }

  async #waitFor(expected: readonly StreamOutcome[]): Promise<void> {
    const untilMs = Date.now() + EXPECTED_WITHIN_MS;
    const complete = () =>
      expected.every(({ stream, messages, error, path }) => {
        const open = this.#connection.stream(stream);
        if (error !== undefined && open.error === undefined) return false;
        return weight(path, open.waiting) >= weight(path, messages);
      });
    while (!complete() && Date.now() < untilMs) await sleep(1);
    await sleep(SURPLUS_MS);
  }

  #take(): StreamOutcome[] {
    const taken: StreamOutcome[] = [];
    for (const [id, stream] of this.#connection.streams()) {
      const outcome = outcomeOf(stream);
      if (outcome.messages.length === 0 && outcome.error === undefined) continue;
      taken.push({ stream: id, path: this.#paths.get(id) ?? '', ...outcome });
    }
    return taken;
  }
}

function outcomeOf(stream: OpenStream): Pick<StreamOutcome, 'messages' | 'error'> {
  const messages = stream.take();
  if (stream.error === undefined || stream.reported) return { messages };
  stream.reported = true;
  return { messages, error: stream.error };
}

/** How much has been received, independent of how events are batched into responses. */
function weight(path: string, messages: readonly Buffer[]): number {
  let total = 0;
  for (const bytes of messages) {
    const message: Message = decodeResponse(path, bytes);
    const events = message['events'];
    total += Array.isArray(events) && events.length > 0 ? events.length : 1;
  }
  return total;
}
