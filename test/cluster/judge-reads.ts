import type { Get, History } from './history.ts';
import type { Truth } from './truth.ts';

/** A read answers the key as it was at the revision of its header, wherever and however it was read. */
export function judgeReads({ gets, alls }: History, truth: Truth): string[] {
  const end = truth.end?.revision ?? Infinity;
  const violations = gets
    .filter(({ error, revision }) => error === undefined && revision <= end)
    .flatMap((get) => judgeRead(get, truth));
  for (const { endpoint, revision, keys, error } of alls) {
    if (error !== undefined) continue;
    const found = new Map(keys.map((one) => [one.key, one]));
    const names = new Set(truth.changes.map(({ key }) => key));
    for (const name of [...names].filter((one) => one.includes('key/'))) {
      const should = truth.at(name, revision);
      const is = found.get(name);
      if (should !== undefined && (is?.revision !== should.revision || is.value !== should.value))
        violations.push(
          `at the end, endpoint ${endpoint} has ${name} of ${is?.revision ?? 'no revision'}, not of ${should.revision}`,
        );
    }
  }
  return violations;
}

function judgeRead(
  { key, endpoint, revision, modified, value, isSerializable }: Get,
  truth: Truth,
): string[] {
  const change = truth.at(key, revision);
  const should = change === undefined || change.deleted ? { revision: 0, value: '' } : change;
  if (should.revision === modified && should.value === value) return [];
  const how = isSerializable ? 'serializable' : 'linearizable';
  return [
    `a ${how} read of ${key} at endpoint ${endpoint} and revision ${revision} has ${modified} (${value.slice(0, 12)}), ` +
      `not ${should.revision} (${should.value.slice(0, 12)})`,
  ];
}
