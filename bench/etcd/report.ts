import type { Machine } from '../machine.ts';
import type { Lookup } from './aims.ts';
import type { Row } from './group.ts';
import { figuresOf, medianFigures } from './measurement.ts';
import type { Figures } from './measurement.ts';
import type { Results } from './runner.ts';
import type { ServerKind } from './servers.ts';
import type { Sizes } from './sizes.ts';

/** A run and all that is needed to judge it. */
export interface Report {
  readonly machine: Machine;
  /** When it began, in ISO 8601. */
  readonly startedAt: string;
  readonly form: 'full' | 'short';
  readonly rounds: number;
  readonly sizes: Sizes;
  readonly servers: readonly ServerKind[];
  /** Only those that were measured. */
  readonly rows: readonly Row[];
  readonly results: Results;
  /** What the generator drives against a server that does nothing. */
  readonly ceiling: Figures | undefined;
  /** What was left out, and why. */
  readonly skipped: readonly string[];
}

/** Medians of what was measured. */
export function lookupOf(results: Results): Lookup {
  return (row, server) => {
    const rounds = results.get(row)?.get(server);
    return rounds === undefined ? undefined : medianFigures(rounds.map(figuresOf));
  };
}

/** What went wrong in any round, by row and server. */
export function failuresOf(results: Results): string[] {
  const lines: string[] = [];
  for (const [row, servers] of results)
    for (const [server, rounds] of servers)
      for (const { failures } of rounds)
        for (const [what, count] of Object.entries(failures))
          lines.push(`${row} on ${server}: ${what} (${count})`);
  return lines;
}
