import { expect, test } from 'vitest';
import { exponentialBounds, Histogram, LabelledHistograms } from './histogram.ts';
import { Metrics } from './metrics.ts';

test('metrics are read when they are asked for', async () => {
  const metrics = new Metrics();
  let value = 1;
  metrics.add(
    { name: 'a_gauge', help: 'A gauge.', kind: 'gauge', read: () => value },
    {
      name: 'a_total',
      help: 'A counter.',
      kind: 'counter',
      labels: ['kind'],
      read: () => [
        { labels: { kind: 'x' }, value },
        { labels: { kind: 'y' }, value: 2 * value },
      ],
    },
  );
  expect((await metrics.text()).text).toContain('a_gauge 1\n');
  value = 5;
  const { text, contentType } = await metrics.text();
  expect(text).toContain('a_gauge 5\n');
  expect(text).toContain('a_total{kind="x"} 5\n');
  expect(text).toContain('a_total{kind="y"} 10\n');
  expect(text).toContain('process_resident_memory_bytes ');
  expect(contentType).toContain('text/plain');
});

test('a histogram counts each value in its bucket and all above', () => {
  const histogram = new Histogram('h_seconds', 'Help.', exponentialBounds(0.001, 2, 3));
  for (const value of [0.0005, 0.001, 0.003, 9]) histogram.observe(value);
  expect(histogram.text()).toBe(
    [
      '# HELP h_seconds Help.',
      '# TYPE h_seconds histogram',
      'h_seconds_bucket{le="0.001"} 2',
      'h_seconds_bucket{le="0.002"} 2',
      'h_seconds_bucket{le="0.004"} 3',
      'h_seconds_bucket{le="+Inf"} 4',
      'h_seconds_sum 9.0045',
      'h_seconds_count 4',
      '',
    ].join('\n'),
  );
});

test('histograms of one name have one heading, and a label each', () => {
  const help = { name: 'h_seconds', help: 'Help.' };
  const one = new Histogram(help.name, help.help, [1]);
  one.observe(0.5);
  const all = new LabelledHistograms({ ...help, label: 'To' }, () => [
    ['a', one],
    ['b', new Histogram(help.name, help.help, [1])],
  ]);
  expect(all.text()).toBe(
    [
      '# HELP h_seconds Help.',
      '# TYPE h_seconds histogram',
      'h_seconds_bucket{To="a",le="1"} 1',
      'h_seconds_bucket{To="a",le="+Inf"} 1',
      'h_seconds_sum{To="a"} 0.5',
      'h_seconds_count{To="a"} 1',
      'h_seconds_bucket{To="b",le="1"} 0',
      'h_seconds_bucket{To="b",le="+Inf"} 0',
      'h_seconds_sum{To="b"} 0',
      'h_seconds_count{To="b"} 0',
      '',
    ].join('\n'),
  );
});
