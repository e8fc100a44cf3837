import { verdicts } from './aims.ts';
import type { Row } from './group.ts';
import type { Figures } from './measurement.ts';
import { lookupOf } from './report.ts';
import type { Report } from './report.ts';
import { serverTitle } from './servers.ts';
import type { ServerKind } from './servers.ts';
import { Svg } from './svg.ts';
import { number } from './table.ts';

const WIDTH = 1000;
const LABEL_WIDTH = 330;
const VALUE_WIDTH = 120;
const BAR = 13;
const GAP = 12;
const HEAD = 64;
const colours: Readonly<Record<ServerKind, string>> = {
  engram: '#1f6feb',
  'etcd-3.7': '#e0823d',
  'etcd-3.6': '#8a8f98',
};

export interface Plot {
  readonly name: string;
  readonly svg: string;
}

/** What is done in a second, what it costs, and how long it takes. */
export function plots(report: Report): readonly Plot[] {
  return [
    {
      name: 'rate',
      svg: bars(report, {
        title: 'Operations per second',
        hint: 'longer is better',
        value: (one) => one.perSecond,
      }),
    },
    {
      name: 'cpu',
      svg: bars(report, {
        title: 'Server CPU per operation, in us',
        hint: 'shorter is better',
        value: (one) => one.cpuMicros,
      }),
    },
    { name: 'latency', svg: latencies(report) },
  ];
}

interface BarPlot {
  readonly title: string;
  readonly hint: string;
  readonly value: (figures: Figures) => number;
}

/** A group of bars for each row, the longest bar of each over the whole width: rows differ by four orders of magnitude. */
function bars(report: Report, { title, hint, value }: BarPlot): string {
  const figures = lookupOf(report.results);
  return grouped(report, {
    // A start is not done by the second.
    rows: report.rows.filter(({ operation }) => operation !== 'start'),
    title: `${title} (each row by its own scale; ${hint})`,
    draw(svg, { row, server, y }) {
      const own = figures(row.name, server);
      if (own === undefined) return;
      const all = report.servers.flatMap((one) => figures(row.name, one) ?? []).map(value);
      const share = value(own) / Math.max(...all, Number.MIN_VALUE);
      const length = Math.max(1, share * (WIDTH - LABEL_WIDTH - VALUE_WIDTH));
      svg.bar({ x: LABEL_WIDTH, y, width: length, height: BAR - 2 }, colours[server]);
      svg.text({ x: LABEL_WIDTH + length + 5, y: y + BAR - 4, content: number(value(own)) });
    },
  });
}

/** From p50 over p99 to p99.9, on one logarithmic axis for all rows. */
function latencies(report: Report): string {
  const figures = lookupOf(report.results);
  const ofRow = ({ name }: Row): Figures[] => report.servers.flatMap((server) => figures(name, server) ?? []);
  // h2load gives no percentiles.
  const rows = report.rows.filter((row) => ofRow(row).some(({ p50Ms }) => p50Ms > 0));
  const axis = new LogAxis(rows.flatMap(ofRow));
  return grouped(report, {
    rows,
    title: 'Latency: the line is from p50 to p99.9, the dot is p99 (logarithmic; left is better)',
    axis: (svg, bottom) => axis.draw(svg, bottom),
    draw(svg, { row, server, y }) {
      const one = figures(row.name, server);
      if (one === undefined) return;
      const middle = y + BAR / 2;
      const x = axis.x(one.p50Ms);
      const width = Math.max(1, axis.x(one.p999Ms) - x);
      svg.bar({ x, y: middle - 2, width, height: 4 }, colours[server]);
      svg.dot(axis.x(one.p99Ms), middle, colours[server]);
      const content = `${number(one.p50Ms)} / ${number(one.p99Ms)} ms`;
      svg.text({ x: WIDTH - VALUE_WIDTH + 15, y: y + BAR - 4, content });
    },
  });
}

class LogAxis {
  readonly #from: number;
  readonly #to: number;
  readonly #scale: number;

  constructor(figures: readonly Figures[]) {
    this.#from = Math.floor(Math.log10(Math.min(1, ...figures.map(({ p50Ms }) => p50Ms))));
    this.#to = Math.ceil(Math.log10(Math.max(10, ...figures.map(({ p999Ms }) => p999Ms))));
    this.#scale = (WIDTH - LABEL_WIDTH - VALUE_WIDTH) / (this.#to - this.#from);
  }

  x(ms: number): number {
    return LABEL_WIDTH + (Math.log10(ms) - this.#from) * this.#scale;
  }

  draw(svg: Svg, bottom: number): void {
    for (let power = this.#from; power <= this.#to; power++) {
      const x = this.x(10 ** power);
      svg.line(x, HEAD - 6, bottom);
      svg.text({ x: x + 2, y: HEAD - 8, content: `${(10 ** power).toFixed(Math.max(0, -power))} ms` });
    }
  }
}

interface Place {
  readonly row: Row;
  readonly server: ServerKind;
  readonly y: number;
}

interface GroupedPlot {
  readonly rows: readonly Row[];
  readonly title: string;
  readonly draw: (svg: Svg, place: Place) => void;
  readonly axis?: (svg: Svg, bottom: number) => void;
}

/** Rows below each other, each with a line for each server; the names of rows that miss an aim are red. */
function grouped(report: Report, { rows, title, draw, axis }: GroupedPlot): string {
  const figures = lookupOf(report.results);
  const height = HEAD + rows.length * (report.servers.length * BAR + GAP) + GAP;
  const svg = new Svg(WIDTH, height);
  svg.text({ x: 10, y: 20, content: title, size: 15, weight: 'bold' });
  for (const [at, server] of report.servers.entries()) {
    const x = 10 + at * 130;
    svg.bar({ x, y: 32, width: 11, height: 11 }, colours[server]);
    svg.text({ x: x + 16, y: 42, content: serverTitle(server) });
  }
  axis?.(svg, height - GAP);
  let y = HEAD;
  for (const row of rows) {
    const isBelow = verdicts(row.name, figures).some(({ isWithin }) => !isWithin);
    const colour = isBelow ? '#b42318' : '#24292f';
    svg.text({ x: LABEL_WIDTH - 8, y: y + BAR - 3, content: row.title, anchor: 'end', colour });
    for (const server of report.servers) {
      draw(svg, { row, server, y });
      y += BAR;
    }
    y += GAP;
  }
  return svg.finish();
}
