import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Row } from './group.ts';
import type { Measurement } from './measurement.ts';
import { plots } from './plots.ts';
import { lookupOf } from './report.ts';
import type { Report } from './report.ts';
import type { ServerKind } from './servers.ts';
import { table } from './table.ts';

/** Writes NAME.md, NAME.json and the plots. Returns their paths. */
export function writeReport(report: Report, directory: string, name: string): string[] {
  mkdirSync(directory, { recursive: true });
  const files: Record<string, string> = {
    [`${name}.md`]: table(report),
    [`${name}.json`]: `${JSON.stringify(asJson(report), undefined, 2)}\n`,
    ...Object.fromEntries(plots(report).map(({ name: plot, svg }) => [`${name}-${plot}.svg`, svg])),
  };
  return Object.entries(files).map(([file, content]) => {
    const path = join(directory, file);
    writeFileSync(path, content);
    return path;
  });
}

function asJson({ results, rows, ...about }: Report): unknown {
  const figures = lookupOf(results);
  const ofRow = ({ name, title, operation }: Row): unknown => ({
    ...{ name, title, operation },
    servers: Object.fromEntries(
      [...(results.get(name) ?? new Map<ServerKind, Measurement[]>())].map(([server, rounds]) => [
        server,
        { median: figures(name, server), rounds },
      ]),
    ),
  });
  return { ...about, rows: rows.map(ofRow) };
}
