import { expect, test } from 'vitest';
import { benches } from '../../bench/benches.ts';
import { TINY } from '../../bench/figures.ts';
import { machine } from '../../bench/machine.ts';
import { reportText } from '../../bench/report.ts';

/** The benchmarks at sizes that take a second, against the built code: their figures mean nothing, but they run. */
for (const [name, bench] of Object.entries(benches)) {
  test(`bench ${name} gives figures, and the same results twice`, async () => {
    const figures = await bench(TINY);
    expect(figures.length).toBeGreaterThan(0);
    for (const figure of figures) expect(figure.value, figure.name).toBeGreaterThan(0);
    const hashes = (run: typeof figures): (string | undefined)[] => run.map(({ hash }) => hash);
    expect(hashes(await bench(TINY))).toEqual(hashes(figures));
  });
}

test('a report names machine and commit, and says which aims are missed', () => {
  const about = { name: 'a put', unit: 'us', rounds: [5, 7], atMost: 4 } as const;
  const text = reportText(machine(), [
    { ...about, value: 6 },
    { ...about, value: 3, name: 'a read' },
  ]);
  expect(text).toMatch(/cores.*node v\d+.*commit \w+/);
  expect(text).toMatch(/a put +6\.00 us +5\.00\.\.7\.00 +ABOVE 4\.00/);
  expect(text).toMatch(/a read .*within 4\.00/);
});
