import { readFileSync } from 'node:fs';

/** Time of all processors since the machine started, in ticks of its clock. */
export interface ProcessorTimes {
  readonly busy: number;
  /** Asked for, but the host gave it to other machines. */
  readonly stolen: number;
}

/** From the text of Linux' `/proc/stat`; proc(5) names the columns. */
export function parseProcessorTimes(stat: string): ProcessorTimes {
  const columns = /^cpu +(.*)$/m.exec(stat)?.[1]?.split(' ').map(Number) ?? [];
  const [user = 0, nice = 0, system = 0, , , interrupts = 0, soft = 0, stolen = 0] = columns;
  return { busy: user + nice + system + interrupts + soft, stolen };
}

/** Where the system does not tell, nothing is stolen. */
export function processorTimes(): ProcessorTimes {
  try {
    return parseProcessorTimes(readFileSync('/proc/stat', 'utf8'));
  } catch {
    return { busy: 0, stolen: 0 };
  }
}

/** Which share of the time that was asked for between two looks the host took away, 0 to 1. */
export function shareStolen(before: ProcessorTimes, after: ProcessorTimes): number {
  const stolen = after.stolen - before.stolen;
  const asked = after.busy - before.busy + stolen;
  return asked <= 0 ? 0 : stolen / asked;
}

/** The share that is stolen now: of a second's work on one processor. */
export function shareStolenNow(): number {
  const before = processorTimes();
  const endMs = performance.now() + 1000;
  while (performance.now() < endMs);
  return shareStolen(before, processorTimes());
}
