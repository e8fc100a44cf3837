import { ratios, verdicts } from './aims.ts';
import type { Lookup } from './aims.ts';
import type { Row } from './group.ts';
import { figuresOf, spread } from './measurement.ts';
import type { Figures } from './measurement.ts';
import { failuresOf, lookupOf } from './report.ts';
import type { Report } from './report.ts';
import { serverTitle } from './servers.ts';

/** The report as Markdown. */
export function table(report: Report): string {
  const figures = lookupOf(report.results);
  const lines = [
    '# Engram beside etcd',
    '',
    ...head(report),
    '',
    '| row | server | per second | ± | CPU us | p50 ms | p99 ms | p99.9 ms | more | against the better etcd | aims |',
    '|---|---|--:|--:|--:|--:|--:|--:|---|---|---|',
    ...report.rows.flatMap((row) => linesOf(row, report, figures)),
    '',
    ...summary(report, figures),
    ...report.skipped.flatMap((reason) => ['', `SKIPPED ${reason}`]),
    '',
  ];
  return lines.join('\n');
}

function head({ machine, startedAt, form, rounds, ceiling, servers }: Report): string[] {
  const memory = `${machine.memoryGiB} GiB`;
  const lines = [
    `${machine.cpu}, ${machine.cores} cores, ${memory}; node ${machine.node}; commit ${machine.commit}; ${startedAt}.`,
    `4 KiB appended and fdatasync: ${machine.syncMicros} us, on the file system of all servers.`,
    `${servers.map(serverTitle).join(', ')}; ${form} form, medians of ${rounds} interleaved round${rounds === 1 ? '' : 's'}, ` +
      '± is the largest difference from the median.',
    '',
    'CPU is user and system time of all threads of the server for one operation. The generator is a process on the same',
    'cores, nothing is pinned. Clients are closed loops on 16 connections (one client: one connection). Every grpc-status',
    'is read, revisions are counted, and one wrong answer fails its row. Ratios are of medians, against the better of the',
    'two etcds in each figure: above 1 Engram is the better.',
  ];
  if (form === 'short')
    lines.push(
      '',
      'The short form shows that every row works: its servers are hardly warm, and its sizes are smaller.',
    );
  if (ceiling === undefined) return lines;
  const rate = number(ceiling.perSecond);
  const cost = number(ceiling.generatorCpuMicros);
  return [
    ...lines,
    '',
    `The generator's own ceiling here is ${rate} calls/s, at ${cost} us of its CPU each.`,
  ];
}

function linesOf(row: Row, report: Report, figures: Lookup): string[] {
  const measured = report.servers.filter((server) => figures(row.name, server) !== undefined);
  return measured.map((server, at) => {
    const one = figures(row.name, server);
    if (one === undefined) return '';
    const rounds = report.results.get(row.name)?.get(server) ?? [];
    const rates = rounds.map((round) => figuresOf(round).perSecond);
    const cells = [
      at === 0 ? row.title : '',
      serverTitle(server),
      number(one.perSecond),
      rates.length > 1 ? `${Math.round(spread(rates) * 100)} %` : '',
      number(one.cpuMicros),
      ...[one.p50Ms, one.p99Ms, one.p999Ms].map((ms) => (ms === 0 ? '' : number(ms))),
      extras(one),
      server === 'engram' ? against(row.name, figures) : '',
      server === 'engram' ? aimsOf(row.name, figures) : '',
    ];
    return `| ${cells.join(' | ')} |`;
  });
}

const extraUnits: Readonly<Record<string, string>> = {
  growthMiB: 'MiB growth',
  megabytesPerSecond: 'MB/s',
  callCpuMicros: 'us a call',
  listsPerSecond: 'lists/s',
  idleP99Ms: 'ms idle p99',
  putsPerSecond: 'puts/s',
  inTimePercent: '% in time',
  deliveredPercent: '% in the end',
  drainedMs: 'ms behind',
  meanMs: 'ms in the mean',
  residentMiB: 'MiB resident',
  anonymousMiB: 'MiB anonymous',
  restartedMiB: 'MiB after a restart',
  diskMiB: 'MiB on disk',
};

function extras({ extra }: Figures): string {
  return Object.entries(extra)
    .map(([name, value]) => `${number(value)} ${extraUnits[name] ?? name}`)
    .join(', ');
}

function against(row: string, figures: Lookup): string {
  const { rate, cpu } = ratios(row, figures);
  if (rate === undefined || cpu === undefined) return '';
  return `${number(rate)}x per second, ${number(cpu)}x per CPU second`;
}

function aimsOf(row: string, figures: Lookup): string {
  return verdicts(row, figures)
    .map(({ aim, value, isWithin }) => `${isWithin ? 'within' : '**BELOW**'} ${aim.text} (${number(value)})`)
    .join('; ');
}

function summary({ results, rows }: Report, figures: Lookup): string[] {
  const all = rows.flatMap(({ name }) => verdicts(name, figures));
  const within = all.filter(({ isWithin }) => isWithin).length;
  const failures = failuresOf(results);
  return [
    `Aims: ${within} of ${all.length} within.`,
    ...(failures.length === 0
      ? ['Failures: none.']
      : ['', '**Failures:**', ...failures.map((line) => `- ${line}`)]),
  ];
}

/** Three digits that count. */
export function number(value: number): string {
  if (Math.abs(value) >= 100) return Math.round(value).toLocaleString('en');
  return value === 0 ? '0' : value.toPrecision(value >= 10 ? 3 : 2);
}
