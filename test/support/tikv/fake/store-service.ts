import {
  status,
  type handleUnaryCall,
  type sendUnaryData,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import type { StoreAnswers, StoreMethod } from '../../../../src/tikv/store-messages.ts';
import type { Fault, FaultKind } from '../cluster.ts';
import type { Audit } from './audit.ts';
import { commands, RegionRefusal, type Command, type Request } from './commands.ts';
import { checkRegion, injectedError, undetermined } from './region-error.ts';
import type { World } from './world.ts';

/** A call that gets no answer. */
const unanswered = Symbol('unanswered');
type Served<M extends StoreMethod> = StoreAnswers[M] | typeof unanswered;

const dropped = Object.assign(new Error('dropped by the test'), { code: status.UNAVAILABLE });
/** After these a client cannot know whether its request took effect. */
const losses: readonly (FaultKind | undefined)[] = ['drop-before', 'drop-after', 'hang-after', 'late'];

/** The service tikvpb.Tikv of one store. */
export class StoreService {
  readonly handlers: UntypedServiceImplementation;
  /** Another store's, while addresses are swapped. */
  id: bigint;
  readonly #world: World;
  readonly #audit: Audit;

  constructor(world: World, audit: Audit, id: bigint) {
    this.#world = world;
    this.#audit = audit;
    this.id = id;
    this.handlers = Object.fromEntries(
      (Object.keys(commands) as StoreMethod[]).map((rpc) => [rpc, this.#handler(rpc)]),
    );
  }

  #handler<M extends StoreMethod>(rpc: M): handleUnaryCall<Request<M>, StoreAnswers[M]> {
    return (call, callback: sendUnaryData<StoreAnswers[M]>) => {
      this.#serve(rpc, call.request).then(
        (answer) => {
          if (answer !== unanswered) callback(null, answer);
        },
        (error: unknown) => callback(error as Error),
      );
    };
  }

  async #serve<M extends StoreMethod>(rpc: M, request: Request<M>): Promise<Served<M>> {
    const world = this.#world;
    const fault = await world.enter({ rpc, store: this.id, request });
    if (fault?.kind === 'drop-before') {
      this.#lose(rpc, request, fault);
      throw dropped;
    }
    if (request.context === undefined) {
      world.violate(`${rpc} has no context`);
      throw Object.assign(new Error('no context'), { code: status.INVALID_ARGUMENT });
    }
    const injected = fault && injectedError(fault.kind, request.context, world.topology);
    if (injected !== undefined) return { regionError: injected } as StoreAnswers[M];
    const asked = fault?.kind === 'no-1pc' ? { ...request, tryOnePc: false } : request;
    if (fault?.kind === 'late') {
      this.#lose(rpc, request, fault);
      world.later(fault.delayMs ?? 0, () => void this.#apply(rpc, asked));
      throw dropped;
    }
    const answer = this.#apply(rpc, asked);
    if (commands[rpc].isWrite && world.writeDelayMs > 0) await world.sleep(world.writeDelayMs);
    this.#lose(rpc, request, fault);
    if (fault?.kind === 'drop-after') throw dropped;
    if (fault?.kind === 'hang-after') return unanswered;
    if (fault?.kind === 'undetermined') return { regionError: undetermined } as StoreAnswers[M];
    return altered(fault?.kind, answer);
  }

  /** Applies a call to the topology as it is now, if that lets it. */
  #apply<M extends StoreMethod>(rpc: M, request: Request<M>): StoreAnswers[M] {
    const { context } = request;
    if (context === undefined) throw new TypeError('A call without context came through');
    const command: Command<M> = commands[rpc];
    const needs = command.needs(request);
    const checked = checkRegion(this.#world.topology, this.id, { context, needs });
    if (checked.kind === 'refused') {
      if (checked.violation !== undefined) this.#world.violate(`${rpc}: ${checked.violation}`);
      return { regionError: checked.error };
    }
    const { region } = checked;
    try {
      return command.apply(
        { world: this.#world, audit: this.#audit, store: this.id, region, context },
        request,
      );
    } catch (error) {
      if (!(error instanceof RegionRefusal)) throw error;
      return { regionError: error.error };
    }
  }

  #lose<M extends StoreMethod>(rpc: M, request: Request<M>, fault: Fault | undefined): void {
    if (rpc === 'KvPrewrite' && losses.includes(fault?.kind)) {
      this.#audit.lostPrewrite(request as Request<'KvPrewrite'>);
    }
  }
}

function altered<M extends StoreMethod>(
  kind: FaultKind | undefined,
  answer: StoreAnswers[M],
): StoreAnswers[M] {
  if (kind === 'corrupt' && 'value' in answer && answer.value !== undefined) {
    const value = Buffer.from(answer.value);
    value[value.length - 1]! ^= 1;
    return { ...answer, value };
  }
  if (kind !== 'locked-whole' || !('pairs' in answer)) return answer;
  const locked = answer.pairs?.find(({ error }) => error !== undefined);
  return locked === undefined ? answer : { ...answer, error: locked.error, pairs: [locked] };
}
