import type { Scheduler } from '../base/index.ts';
import { Channel, type Lane, type UnaryCall } from './channel.ts';
import { TikvError } from './errors.ts';
import type { Received } from './messages.ts';
import { plainCredentials, type Credentials } from './tls.ts';

/** Connections in all: beyond, those that carry no call are closed, the oldest first. */
export const CHANNELS_MAX = 1024;

interface ChannelsParts {
  readonly scheduler: Scheduler;
  /** @default plain text */
  readonly credentials?: Credentials;
}

interface Entry {
  readonly channel: Channel;
  readonly credentials: Credentials['current'];
}

/** Where a call goes, and on which of the connections there. */
export interface Destination {
  /** `host:port` */
  readonly address: string;
  readonly lane: Lane;
}

const ADDRESS = /^(\[[0-9a-fA-F:.%a-z]+\]|[^\s:/[\]]+):\d{1,5}$/;

/** `host:port`, as connections are made to. */
export function isAddress(text: string): boolean {
  return ADDRESS.test(text);
}

/** The connections to all stores and placement drivers: at most one for each address and lane. */
export class Channels {
  readonly #scheduler: Scheduler;
  readonly #credentials: Credentials;
  readonly #entries = new Map<string, Entry>();
  #isClosed = false;

  constructor(parts: ChannelsParts) {
    this.#scheduler = parts.scheduler;
    this.#credentials = parts.credentials ?? plainCredentials;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Rejects like `Rpc.call`. */
  async unary<Q, A>(to: Destination, call: UnaryCall<Q, A>, request: Q): Promise<Received<A>> {
    const channel = await this.channel(to);
    return channel.unary(call, request);
  }

  /** The connection to an address. Credentials that have changed are taken over when it has to be made anew. */
  async channel(to: Destination): Promise<Channel> {
    const key = `${to.lane} ${to.address}`;
    const known = this.#entries.get(key);
    if (known?.channel.isReady === true) return known.channel;
    await this.#credentials.refresh();
    if (this.#isClosed) throw new TikvError('closed', 'The client is closed');
    const credentials = this.#credentials.current;
    const entry = this.#entries.get(key);
    if (entry?.credentials === credentials) return entry.channel;
    if (!isAddress(to.address)) throw new TikvError('protocol', `Cannot connect: no address "${to.address}"`);
    entry?.channel.retire();
    this.#entries.delete(key);
    this.#makeRoom();
    const channel = new Channel(to.address, { lane: to.lane, credentials, scheduler: this.#scheduler });
    this.#entries.set(key, { channel, credentials });
    return channel;
  }

  /** Closes the connections to an address; calls under way fail. */
  drop(address: string): void {
    for (const [key, { channel }] of this.#entries) {
      if (channel.address !== address) continue;
      this.#entries.delete(key);
      channel.close();
    }
  }

  /** Calls under way fail. */
  close(): void {
    this.#isClosed = true;
    for (const { channel } of this.#entries.values()) channel.close();
    this.#entries.clear();
  }

  #makeRoom(): void {
    if (this.#entries.size < CHANNELS_MAX) return;
    for (const [key, { channel }] of this.#entries) {
      if (channel.callCount > 0) continue;
      this.#entries.delete(key);
      channel.close();
      return;
    }
    throw new TikvError('unavailable', `Cannot connect: ${CHANNELS_MAX} connections are in use`);
  }
}
