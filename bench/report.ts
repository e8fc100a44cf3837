import type { Figure } from './figures.ts';
import type { Machine } from './machine.ts';

/** A run as one line on the machine and one line for each figure. */
export function reportText(machine: Machine, figures: readonly Figure[]): string {
  const head =
    `${machine.cpu}, ${machine.cores} cores, ${machine.memoryGiB} GiB, node ${machine.node}, ` +
    `commit ${machine.commit}, sync ${machine.syncMicros} us, load ${machine.load.toFixed(1)}`;
  return [head, ...figures.map(line), ''].join('\n');
}

function line({ name, unit, value, rounds, atMost, note, hash }: Figure): string {
  const aim = atMost === undefined ? '' : `${value <= atMost ? 'within' : 'ABOVE'} ${short(atMost)}`;
  const spread = rounds.length > 1 ? `${short(Math.min(...rounds))}..${short(Math.max(...rounds))}` : '';
  const columns = [
    name.padEnd(58),
    `${short(value)} ${unit}`.padStart(12),
    spread.padStart(16),
    aim.padEnd(12),
  ];
  return [...columns, note ?? '', hash === undefined ? '' : `#${hash}`].join('  ').trimEnd();
}

function short(value: number): string {
  return value >= 1000 ? Math.round(value).toLocaleString('en') : value.toPrecision(3);
}
