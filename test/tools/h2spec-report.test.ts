/** Goal: a case that did not pass is never taken for one that did. */

import { expect, test } from 'vitest';
import { readReport } from '../h2spec/report.ts';

const head = '<?xml version="1.0" encoding="UTF-8"?>\n<testsuites>\n';

function report(content: string): string {
  return `${head}<testsuite name="3.5. Preface" package="http2/3.5" id="3.5" tests="1">
    <testcase package="http2/3.5" classname="Sends a &#34;bad&#34; preface &amp; more" time="0.1">${content}</testcase>
  </testsuite>\n</testsuites>`;
}

const name = 'http2/3.5: Sends a "bad" preface & more';

test('a case that passed', () => {
  expect(readReport(report(''))).toEqual([{ name, failure: undefined }]);
});

test.each([
  [
    'an error',
    '<error>The endpoint MUST end\nExpected: &lt;end&gt;</error>',
    'The endpoint MUST end\nExpected: <end>',
  ],
  ['a failure', '<failure message="x">text</failure>', 'text'],
  ['an empty failure', '<failure></failure>', '<failure></failure>'],
  ['a skipped case', '<skipped/>', '<skipped/>'],
])('%s', (_, content, failure) => {
  expect(readReport(report(content))).toEqual([{ name, failure }]);
});

test('a report that is cut off is none', () => {
  expect(() => readReport(report('').slice(0, -5))).toThrow('cut off');
});
