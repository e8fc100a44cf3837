import { readFileSync } from 'node:fs';
import {
  Client,
  credentials,
  type ChannelCredentials,
  type ClientDuplexStream,
  type MethodDefinition,
} from '@grpc/grpc-js';
import type { Context, Peer, Received, RegionError, RegionMeta } from '../../../src/tikv/messages.ts';
import type { PdMethod, PdRequests, PdResponses } from '../../../src/tikv/pd-messages.ts';
import type { StoreMethod, StoreRequests, StoreResponses } from '../../../src/tikv/store-messages.ts';
import type { TestCluster } from './cluster.ts';
import { encodeKey } from './fake/keys.ts';
import { service } from './wire.ts';

const deadlineMs = 10_000;
const attemptsMax = 50;

type Body<M extends StoreMethod> = Omit<StoreRequests[M], 'context'>;
type RegionRequests = PdRequests['GetRegion'];

/**
 * The hand of a test: calls without any cleverness, one at a time, to leave behind what a dead transaction leaves, and
 * to look at what there is without the client that is tested. It needs nothing but the protocol.
 */
export class RawClient {
  readonly #credentials: ChannelCredentials;
  readonly #clients = new Map<string, Client>();
  readonly #pd: readonly string[];
  #clusterId = 0n;

  constructor(cluster: Pick<TestCluster, 'pd' | 'tls'>) {
    this.#pd = cluster.pd;
    const { tls } = cluster;
    this.#credentials = tls
      ? credentials.createSsl(
          ...[tls.ca, tls.key, tls.cert].map((path) => (path === undefined ? null : readFileSync(path))),
        )
      : credentials.createInsecure();
  }

  /** A fresh timestamp. */
  async timestamp(): Promise<bigint> {
    const leader = await this.#leader();
    const stream = this.#tso(leader);
    try {
      return await new Promise<bigint>((resolve, reject) => {
        stream.on('data', ({ timestamp }: PdResponses['Tso']) => {
          if (timestamp === undefined) reject(new Error('A timestamp is missing'));
          else resolve((timestamp.physical << 18n) | timestamp.logical);
        });
        stream.on('error', reject);
        stream.write({ header: { clusterId: this.#clusterId }, count: 1 });
      });
    } finally {
      stream.on('error', () => undefined);
      stream.cancel();
    }
  }

  /** Sends to the region of `key`, again and again while that moves. Answers carry no region error. */
  async send<M extends StoreMethod>(key: Buffer, method: M, body: Body<M>): Promise<StoreResponses[M]> {
    for (let attempt = 1; ; attempt++) {
      const answer = await this.#attempt(await this.locate(key), method, body);
      const { regionError } = answer as { readonly regionError: RegionError | undefined };
      if (regionError === undefined) return answer;
      if (attempt === attemptsMax) throw new Error(`Cannot reach a region: ${regionError.message}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  async #attempt<M extends StoreMethod>(
    { region, leader }: { region: Received<RegionMeta>; leader: Peer },
    method: M,
    body: Body<M>,
  ): Promise<StoreResponses[M]> {
    const { store } = await this.#placementDriver('GetStore', { storeId: leader.storeId });
    if (store === undefined) throw new Error(`Cannot find store ${leader.storeId}`);
    const { id: regionId, regionEpoch } = region;
    const context: Context = { regionId, regionEpoch, peer: leader };
    const request = { ...body, context };
    return (await this.#unary(store.address, 'tikvpb.Tikv', { method, request })) as StoreResponses[M];
  }

  /** The region of a raw key; its bounds are encoded. */
  async locate(key: Buffer): Promise<{ region: Received<RegionMeta>; leader: Peer }> {
    for (let attempt = 1; ; attempt++) {
      const regionKey = key.length === 0 ? key : encodeKey(key);
      const body: Omit<RegionRequests, 'header'> = { regionKey };
      const { region, leader } = await this.#placementDriver('GetRegion', body);
      if (region !== undefined && leader !== undefined && leader.id !== 0n) return { region, leader };
      if (attempt === attemptsMax) throw new Error('Cannot find a region with a leader');
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  close(): void {
    for (const client of this.#clients.values()) client.close();
    this.#clients.clear();
  }

  async #placementDriver<M extends Exclude<PdMethod, 'Tso'>>(
    method: M,
    body: Omit<PdRequests[M], 'header'>,
  ): Promise<PdResponses[M]> {
    const leader = await this.#leader();
    const request = { ...body, header: { clusterId: this.#clusterId } };
    return (await this.#unary(leader, 'pdpb.PD', { method, request })) as PdResponses[M];
  }

  async #leader(): Promise<string> {
    let cause: unknown;
    for (const address of this.#pd) {
      try {
        const found = await this.#unary(address, 'pdpb.PD', { method: 'GetMembers', request: {} });
        const { header, leader } = found as PdResponses['GetMembers'];
        const url = leader?.clientUrls[0];
        if (header === undefined || url === undefined) continue;
        this.#clusterId = header.clusterId;
        return url.replace(/^https?:\/\//, '');
      } catch (error) {
        cause = error;
      }
    }
    throw new Error('Cannot find a placement driver that leads', { cause });
  }

  #unary(address: string, name: ServiceName, call: { method: string; request: object }): Promise<object> {
    const { path, requestSerialize, responseDeserialize } = methodOf(name, call.method);
    return new Promise((resolve, reject) => {
      this.#client(address).makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        call.request,
        { deadline: Date.now() + deadlineMs },
        (error, value) => (value === undefined ? reject(error ?? new Error('No answer')) : resolve(value)),
      );
    });
  }

  #tso(address: string): ClientDuplexStream<object, PdResponses['Tso']> {
    const { path, requestSerialize, responseDeserialize } = methodOf('pdpb.PD', 'Tso');
    return this.#client(address).makeBidiStreamRequest(
      path,
      requestSerialize,
      responseDeserialize as (bytes: Buffer) => PdResponses['Tso'],
      { deadline: Date.now() + deadlineMs },
    );
  }

  #client(address: string): Client {
    const found = this.#clients.get(address);
    if (found !== undefined) return found;
    const made = new Client(address, this.#credentials, {
      'grpc.max_receive_message_length': -1,
      'grpc.initial_reconnect_backoff_ms': 50,
      'grpc.max_reconnect_backoff_ms': 200,
    });
    this.#clients.set(address, made);
    return made;
  }
}

type ServiceName = 'tikvpb.Tikv' | 'pdpb.PD';

const services = { 'tikvpb.Tikv': service('tikvpb.Tikv'), 'pdpb.PD': service('pdpb.PD') };

function methodOf(name: ServiceName, method: string): MethodDefinition<object, object> {
  const found = services[name][method];
  if (found === undefined) throw new TypeError(`Cannot find ${name}/${method}`);
  return found as MethodDefinition<object, object>;
}
