import type { Machine } from '../machine.ts';
import { number } from '../etcd/table.ts';
import { verdicts } from './aims.ts';
import type { Lookup } from './aims.ts';
import { failuresOf, medians } from './figures.ts';
import type { Figures, Results } from './figures.ts';
import { rows, titleOf } from './rows.ts';

/** A run with what it was made on. */
export interface Report {
  readonly machine: Machine;
  readonly startedAt: string;
  readonly form: 'full' | 'short';
  readonly rounds: number;
  readonly results: Results;
}

export function lookupOf(results: Results): Lookup {
  return (row) => {
    const rounds = results.get(row);
    return rounds === undefined ? undefined : medians(rounds);
  };
}

/** The report as Markdown. */
export function table(report: Report): string {
  const { machine, results } = report;
  const figures = lookupOf(results);
  const judged = verdicts(figures);
  const failures = failuresOf(results);
  const lines = [
    '# Engram as a cluster',
    '',
    `${machine.cpu}, ${machine.cores} cores; node ${machine.node}; commit ${machine.commit}; ${report.startedAt}.`,
    `${report.form} form, medians of ${report.rounds} round${report.rounds === 1 ? '' : 's'}.`,
    '',
    'All nodes, the generator and the TiKV-protocol server of test/tikv-fixture share the cores of one machine: calls a',
    'second say little about machines of their own, CPU time for a call does. CPU is user and system time of all threads',
    'of a process for one call, in microseconds, without what the process takes when nobody asks anything; a follower is',
    'the one that is asked, or the mean of all when the leader is. Values have 512 bytes; the fixture does not replicate.',
    '',
    ...idle(figures),
    '',
    '| row | per second | p50 ms | p99 ms | leader us | follower us | all nodes us | against a single node |',
    '|---|--:|--:|--:|--:|--:|--:|---|',
    ...rows.flatMap((row) => {
      const one = figures(row.name);
      const single = figures(row.name.replace(/(leader|follower)-of-\d/, 'leader-of-1'));
      return one === undefined
        ? []
        : [`| ${titleOf(row)} | ${cells(one, row.nodes > 1 ? single : undefined)} |`];
    }),
    '',
    '| aim | is |',
    '|---|--:|',
    ...judged.map(
      ({ aim, value, isWithin }) => `| ${aim.text} | ${isWithin ? '' : '**ABOVE** '}${number(value)} |`,
    ),
    '',
    `Aims: ${judged.filter(({ isWithin }) => isWithin).length} of ${judged.length} within.`,
    ...(failures.length === 0
      ? ['Failures: none.']
      : ['', '**Failures:**', ...failures.map((line) => `- ${line}`)]),
    '',
  ];
  return lines.join('\n');
}

/** What nodes take of a core when nobody asks anything. */
function idle(figures: Lookup): string[] {
  return [1, 2, 3].flatMap((nodes) => {
    const first = rows.find((row) => row.nodes === nodes && figures(row.name) !== undefined);
    const one = first === undefined ? undefined : figures(first.name);
    if (one === undefined) return [];
    const followers = nodes === 1 ? '' : `, ${number(one.idleFollowerPercent)} % for a follower`;
    return [
      `Idle, ${nodes} ${nodes === 1 ? 'node' : 'nodes'}: ${number(one.idleLeaderPercent)} % of a core for the leader${followers}.`,
    ];
  });
}

function cells(one: Figures, single: Figures | undefined): string {
  const against =
    single === undefined
      ? ''
      : `${number(one.perSecond / single.perSecond)}x per second, ${number(one.allMicros / single.allMicros)}x CPU of all`;
  return [
    number(one.perSecond),
    number(one.p50Ms),
    number(one.p99Ms),
    number(one.leaderMicros),
    number(one.followerMicros),
    number(one.allMicros),
    against,
  ].join(' | ');
}
