import {
  status,
  type handleUnaryCall,
  type sendUnaryData,
  type ServerDuplexStream,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import type { Received } from '../../../../src/tikv/messages.ts';
import type { PdAnswers, PdMethod, PdRequests } from '../../../../src/tikv/pd-messages.ts';
import type { Fault } from '../cluster.ts';
import { decodeKey } from './keys.ts';
import type { SafePoints } from './safe-points.ts';
import { regionAt, regionMessage, type FakeRegion } from './topology.ts';
import type { World } from './world.ts';

type Request<M extends PdMethod> = Received<PdRequests[M]>;
type UnaryMethod = Exclude<PdMethod, 'Tso'>;
type Answer<M extends PdMethod> = Omit<PdAnswers[M], 'header'>;

/** What the members of a fake placement driver share. */
export interface PdGroup {
  readonly world: World;
  readonly safePoints: SafePoints;
  /** The leading member; -1 while there is none. */
  leader(): number;
  /** With their scheme, in the order of the members. */
  urls(): readonly string[];
  /** `host:port` of a store; nothing if there is no such store. */
  storeAddress(id: bigint): string | undefined;
}

const unanswered = Symbol('unanswered');
const unknownError = 1;
const failed = (code: status, message: string) => Object.assign(new Error(message), { code });
const notLeader = () => failed(status.UNAVAILABLE, 'not leader');

/** The service pdpb.PD of one member. */
export class PdService {
  readonly handlers: UntypedServiceImplementation;
  readonly #group: PdGroup;
  readonly #member: number;
  /** Peers of regions without a leader show by turns as absent and with id 0. */
  #turn = 0;

  constructor(group: PdGroup, member: number) {
    this.#group = group;
    this.#member = member;
    this.handlers = {
      GetMembers: this.#handler('GetMembers', () => this.#members()),
      GetRegion: this.#handler('GetRegion', (request, fault) => this.#region(request, 0, fault)),
      GetPrevRegion: this.#handler('GetPrevRegion', (request, fault) => this.#region(request, -1, fault)),
      ScanRegions: this.#handler('ScanRegions', (request, fault) => this.#scan(request, fault)),
      GetStore: this.#handler('GetStore', ({ storeId }) => this.#store(storeId)),
      GetGCSafePoint: this.#handler('GetGCSafePoint', () => ({ safePoint: group.safePoints.gcSafePoint })),
      UpdateGCSafePoint: this.#handler('UpdateGCSafePoint', ({ safePoint }) => ({
        newSafePoint: group.safePoints.advance(safePoint),
      })),
      UpdateServiceGCSafePoint: this.#handler('UpdateServiceGCSafePoint', (request) => this.#claim(request)),
      Tso: (stream: TsoStream) => this.#tso(stream),
    };
  }

  #handler<M extends UnaryMethod>(
    rpc: M,
    answer: (request: Request<M>, fault: Fault | undefined) => Answer<M>,
  ): handleUnaryCall<Request<M>, object> {
    return (call, callback: sendUnaryData<object>) => {
      this.#serve(rpc, call.request, answer).then(
        (found) => {
          if (found !== unanswered) callback(null, found);
        },
        (error: unknown) => callback(error as Error),
      );
    };
  }

  async #serve<M extends UnaryMethod>(
    rpc: M,
    request: Request<M>,
    answer: (request: Request<M>, fault: Fault | undefined) => Answer<M>,
  ): Promise<object | typeof unanswered> {
    const fault = await this.#group.world.enter({ rpc, store: 0n, request });
    const kind = fault?.kind;
    if (kind === 'drop-before') throw failed(status.UNAVAILABLE, 'dropped by the test');
    if (kind === 'pd-not-leader') throw notLeader();
    if (kind === 'pd-error') {
      return { header: this.#header({ type: unknownError, message: 'injected' }) };
    }
    if (rpc !== 'GetMembers') this.#check(rpc, request.header);
    const found = { header: this.#header(), ...answer(request, fault) };
    if (kind === 'drop-after') throw failed(status.UNAVAILABLE, 'dropped by the test');
    return kind === 'hang-after' ? unanswered : found;
  }

  #check(rpc: PdMethod, header: { readonly clusterId: bigint } | undefined): void {
    const { clusterId } = this.#group.world;
    if (header?.clusterId !== clusterId) {
      this.#group.world.violate(`${rpc} names another cluster`);
      throw failed(
        status.FAILED_PRECONDITION,
        `mismatch cluster id, need ${clusterId} but got ${header?.clusterId}`,
      );
    }
    if (this.#group.leader() !== this.#member) throw notLeader();
  }

  #header(error?: { readonly type: number; readonly message: string }) {
    return { clusterId: this.#group.world.clusterId, ...(error === undefined ? {} : { error }) };
  }

  #members(): Answer<'GetMembers'> {
    const members = this.#group.urls().map((url, at) => {
      return { name: `pd${at}`, memberId: BigInt(at + 1), peerUrls: [url], clientUrls: [url] };
    });
    return { members, leader: members[this.#group.leader()] };
  }

  #regions(fault: Fault | undefined): readonly FakeRegion[] {
    const { topology } = this.#group.world;
    const regions = fault?.kind === 'pd-stale' ? topology.before : topology.regions;
    if (fault?.kind !== 'pd-no-leader') return regions;
    return regions.map((region) => ({ ...region, leader: undefined }));
  }

  #region({ regionKey }: Request<'GetRegion'>, step: number, fault: Fault | undefined): Answer<'GetRegion'> {
    const regions = this.#regions(fault);
    const found = regions[regions.indexOf(regionAt(regions, this.#raw(regionKey))) + step];
    return found === undefined ? {} : { region: regionMessage(found), leader: this.#leaderOf(found) };
  }

  #scan(
    { startKey, endKey, limit }: Request<'ScanRegions'>,
    fault: Fault | undefined,
  ): Answer<'ScanRegions'> {
    const start = this.#raw(startKey);
    const end = this.#raw(endKey);
    const touching = this.#regions(fault).filter(
      (region) =>
        (region.end.length === 0 || Buffer.compare(region.end, start) > 0) &&
        (end.length === 0 || Buffer.compare(region.start, end) < 0),
    );
    const regions = limit > 0 ? touching.slice(0, limit) : touching;
    return {
      regions: regions.map((region) => ({ region: regionMessage(region), leader: this.#leaderOf(region) })),
    };
  }

  #leaderOf(region: FakeRegion) {
    if (region.leader !== undefined) return region.leader;
    this.#turn++;
    return this.#turn % 2 === 0 ? undefined : { id: 0n, storeId: 0n };
  }

  #raw(encoded: Buffer): Buffer {
    if (encoded.length === 0) return encoded;
    try {
      return decodeKey(encoded);
    } catch (error) {
      this.#group.world.violate('a placement driver was asked for a key that is not encoded');
      throw error;
    }
  }

  #store(id: bigint): PdAnswers['GetStore'] {
    const address = this.#group.storeAddress(id);
    if (address !== undefined)
      return { header: this.#header(), store: { id, address, state: 0, version: '8.5.0' } };
    const message = `invalid store ID ${id}, not found`;
    return { header: this.#header({ type: unknownError, message }) };
  }

  #claim({
    serviceId,
    TTL,
    safePoint,
  }: Request<'UpdateServiceGCSafePoint'>): Answer<'UpdateServiceGCSafePoint'> {
    const { service, ttlSeconds, minSafePoint } = this.#group.safePoints.claim({
      service: serviceId.toString(),
      ttlSeconds: TTL,
      safePoint,
    });
    return { serviceId: Buffer.from(service), TTL: ttlSeconds, minSafePoint };
  }

  /** One block after the other, in the order of the requests. */
  #tso(stream: TsoStream): void {
    let turn = Promise.resolve();
    stream.on('data', (request: Request<'Tso'>) => {
      this.#group.world.timestampRequests++;
      turn = turn
        .then(() => this.#timestamps(request))
        .then(
          (answer) => {
            if (answer !== unanswered) stream.write(answer);
          },
          (error: unknown) => {
            stream.emit('error', error);
          },
        );
    });
    stream.on('end', () => stream.end());
  }

  async #timestamps(request: Request<'Tso'>): Promise<PdAnswers['Tso'] | typeof unanswered> {
    const { world } = this.#group;
    const fault = await world.enter({ rpc: 'Tso', store: 0n, request });
    const kind = fault?.kind;
    if (kind === 'tso-broken' || kind === 'drop-before')
      throw failed(status.UNAVAILABLE, 'broken by the test');
    if (kind === 'pd-not-leader') throw notLeader();
    this.#check('Tso', request.header);
    if (request.count === 0) throw failed(status.UNKNOWN, 'tso count should be positive');
    if (kind === 'tso-gap') world.oracle.shift(fault?.delayMs ?? 1000);
    if (kind === 'hang-after') return unanswered;
    const { physicalMs, logical } = world.oracle.take(request.count);
    const back = kind === 'tso-back' ? 60_000 : 0;
    const timestamp = { physical: BigInt(physicalMs - back), logical: BigInt(logical) };
    return { header: this.#header(), count: request.count, timestamp };
  }
}

type TsoStream = ServerDuplexStream<Request<'Tso'>, PdAnswers['Tso']>;
