import { compareBytes } from '../../base/index.ts';
import type { Bytes } from '../../base/index.ts';
import type { Backoff } from '../backoff.ts';
import { TikvError } from '../errors.ts';
import type { TikvEnvironment } from '../environment.ts';
import type { PlacementDriver, RegionInfo } from '../pd/pd.ts';
import { within } from '../within.ts';
import { Region } from './region.ts';
import type { Gap, RegionTable } from './region-table.ts';

/** Regions asked for at once, where the next keys are known too. */
const REGIONS_PER_CALL_MAX = 128;
/** So often the placement driver is not believed when it contradicts something newer; then it is. */
const STALE_ANSWERS_MAX = 5;

/** A call that takes longer holds up nobody else: its region may have no leader, and theirs be another. */
const JOIN_MS_MAX = 100;

interface Flight {
  readonly gap: Gap;
  /** Nobody waits for it any more but its caller. */
  isSlow: boolean;
  /** Resolves when it has ended, well or not. */
  readonly ended: Promise<void>;
}

/**
 * Fills the table from the placement driver.
 *
 * 1. Of the keys between two known regions, one call is under way at a time; who needs a key there waits for it, and then
 *    looks again. If it takes longer than `JOIN_MS_MAX`, one more is made.
 * 2. A caller's budget and signal end its own call only: who waited for that then asks itself.
 * 3. An answer that is older than what is known is not believed at first, because the placement driver learns of splits
 *    and merges later than a store; but it is in the end, so that nothing wrong in the table stays.
 */
export class RegionLoader {
  readonly #environment: TikvEnvironment;
  readonly #pd: PlacementDriver;
  readonly #table: RegionTable;
  readonly #flights = new Set<Flight>();

  constructor(environment: TikvEnvironment, pd: PlacementDriver, table: RegionTable) {
    this.#environment = environment;
    this.#pd = pd;
    this.#table = table;
  }

  /**
   * The region that holds `key`, known or asked for.
   *
   * @param upTo the caller will need the keys from `key` up to here; if given, the regions that follow are asked for too.
   */
  async at(key: Bytes, backoff: Backoff, upTo?: Bytes): Promise<Region> {
    const table = this.#table;
    return this.#load(backoff, {
      known: () => table.find(key),
      gap: () => table.gapAt(key),
      fits: (region) => region.contains(key),
      ask: async (gap) => {
        if (upTo === undefined) return [await this.#pd.region(key, backoff)];
        const end = startsBefore(upTo, gap.end) ? upTo : gap.end;
        return this.#pd.regions({ start: key, end, limit: REGIONS_PER_CALL_MAX }, backoff);
      },
    });
  }

  /** The region that holds the keys just below `end` (empty: the last keys of all), known or asked for. */
  async below(end: Bytes, backoff: Backoff): Promise<Region> {
    const table = this.#table;
    return this.#load(backoff, {
      known: () => table.findBelow(end),
      gap: () => table.gapBelow(end),
      fits: (region) => region.containsBelow(end),
      ask: async () => [await this.#pd.previousRegion(end, backoff)],
    });
  }

  async #load(backoff: Backoff, search: Search): Promise<Region> {
    for (let staleAnswers = 0; ;) {
      const known = search.known();
      if (known !== undefined) return known;
      const gap = search.gap();
      const flight = this.#flightIn(gap);
      if (flight !== undefined) {
        await this.#join(flight, backoff);
        continue;
      }
      const { wanted, isStale } = await this.#fly(gap, search, staleAnswers >= STALE_ANSWERS_MAX);
      if (!isStale) return wanted;
      staleAnswers++;
      await backoff.wait(
        'region-miss',
        new Error('The placement driver knows less of a region than a store'),
      );
    }
  }

  /** Asks, and puts the answers into the table. */
  async #fly(gap: Gap, search: Search, isBelieved: boolean): Promise<{ wanted: Region; isStale: boolean }> {
    let end: () => void = () => undefined;
    const ended = new Promise<void>((resolve) => (end = resolve));
    const flight: Flight = { gap, isSlow: false, ended };
    this.#flights.add(flight);
    try {
      const regions = (await search.ask(gap)).map((info) => new Region(info));
      const wanted = regions.find((region) => search.fits(region));
      if (wanted === undefined)
        throw new TikvError('protocol', 'The placement driver answered with another region');
      let isStale = false;
      for (const region of regions) {
        if (this.#table.insert(region) || region !== wanted) continue;
        if (isBelieved) this.#table.replace(region);
        else isStale = true;
      }
      return { wanted, isStale };
    } finally {
      this.#flights.delete(flight);
      end();
    }
  }

  /** Waits for the end of another's call, or long enough to do without. */
  async #join(flight: Flight, backoff: Backoff): Promise<void> {
    await within(this.#environment, { work: flight.ended, delayMs: JOIN_MS_MAX }, backoff);
    // Gone if it has ended: then it no longer matters. Who comes next asks, and the others wait for that one.
    flight.isSlow = true;
  }

  /** A call under way whose answer may fill some of `gap`. */
  #flightIn(gap: Gap): Flight | undefined {
    for (const flight of this.#flights) if (!flight.isSlow && overlap(flight.gap, gap)) return flight;
    return undefined;
  }
}

interface Search {
  readonly known: () => Region | undefined;
  readonly gap: () => Gap;
  readonly fits: (region: Region) => boolean;
  readonly ask: (gap: Gap) => Promise<RegionInfo[]>;
}

function overlap(a: Gap, b: Gap): boolean {
  return startsBefore(a.start, b.end) && startsBefore(b.start, a.end);
}

/** An empty `end` is behind all. */
function startsBefore(start: Bytes, end: Bytes): boolean {
  return end.length === 0 || compareBytes(start, end) < 0;
}

/** The smallest key above `key`. */
export function successor(key: Bytes): Bytes {
  return Buffer.concat([key, SUCCESSOR_SUFFIX]);
}

const SUCCESSOR_SUFFIX = Buffer.of(0);
