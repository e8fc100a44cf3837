import { credentials, type ChannelCredentials } from '@grpc/grpc-js';
import { readFile } from 'node:fs/promises';
import type { Clock } from '../base/index.ts';
import { TikvError } from './errors.ts';

/** Paths of PEM files. They are read again before a connection is made, so that certificates can be exchanged. */
export interface TlsOptions {
  /** The authorities that the servers' certificates must come from. @default the system's */
  readonly ca?: string | undefined;
  /** The client's certificate and its key: both or none. */
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
}

interface Pems {
  readonly ca: Buffer | null;
  readonly key: Buffer | null;
  readonly cert: Buffer | null;
}

/** However often connections are made, the files are read once in so long. */
const READ_EVERY_MS = 1000;

/** How channels introduce themselves. */
export interface Credentials {
  /** Another object after the files have changed. */
  readonly current: ChannelCredentials;
  /** Looks after the files, if it is time to. Rejects never: what was read last goes on while they are not whole. */
  refresh(): Promise<void>;
}

export const plainCredentials: Credentials = {
  current: credentials.createInsecure(),
  refresh: () => Promise.resolve(),
};

export class TlsCredentials implements Credentials {
  readonly #options: TlsOptions;
  readonly #clock: Clock;
  #pems: Pems;
  #current: ChannelCredentials;
  #readMs: number;
  #reading: Promise<void> | undefined;

  private constructor(options: TlsOptions, clock: Clock, pems: Pems) {
    this.#options = options;
    this.#clock = clock;
    this.#pems = pems;
    this.#current = credentials.createSsl(pems.ca, pems.key, pems.cert);
    this.#readMs = clock.nowMs();
  }

  /** Rejects with TikvError `invalid` if a file cannot be read, or is no PEM. */
  static async open(options: TlsOptions, clock: Clock): Promise<TlsCredentials> {
    if ((options.cert === undefined) !== (options.key === undefined)) {
      throw new TikvError('invalid', 'A certificate needs its key, and a key its certificate');
    }
    try {
      return new TlsCredentials(options, clock, await read(options));
    } catch (cause) {
      const detail = cause instanceof Error ? cause.message : String(cause);
      throw new TikvError('invalid', `Cannot use the TLS files: ${detail}`, { cause });
    }
  }

  get current(): ChannelCredentials {
    return this.#current;
  }

  refresh(): Promise<void> {
    if (this.#reading !== undefined) return this.#reading;
    if (this.#clock.nowMs() - this.#readMs < READ_EVERY_MS) return Promise.resolve();
    this.#reading = this.#read().finally(() => (this.#reading = undefined));
    return this.#reading;
  }

  async #read(): Promise<void> {
    try {
      const pems = await read(this.#options);
      if (same(pems.ca, this.#pems.ca) && same(pems.key, this.#pems.key) && same(pems.cert, this.#pems.cert))
        return;
      this.#current = credentials.createSsl(pems.ca, pems.key, pems.cert);
      this.#pems = pems;
    } catch {
      // Files in the middle of their exchange: a key that does not fit yet. The next connection looks again.
    } finally {
      this.#readMs = this.#clock.nowMs();
    }
  }
}

async function read({ ca, key, cert }: TlsOptions): Promise<Pems> {
  const [caPem, keyPem, certPem] = await Promise.all([readIf(ca), readIf(key), readIf(cert)]);
  return { ca: caPem, key: keyPem, cert: certPem };
}

async function readIf(path: string | undefined): Promise<Buffer | null> {
  return path === undefined ? null : readFile(path);
}

function same(a: Buffer | null, b: Buffer | null): boolean {
  return a === null || b === null ? a === b : a.equals(b);
}
