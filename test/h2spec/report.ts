/** One case of h2spec, as its JUnit report has it. */
export interface Case {
  /** Such as `http2/6.9.1: Sends SETTINGS frame to set the initial window size to 1`. */
  readonly name: string;
  /** What was expected and what came instead; undefined if the case passed. */
  readonly failure: string | undefined;
}

/** The cases of a report, in its order. Throws if it is not one. */
export function readReport(xml: string): readonly Case[] {
  if (!xml.includes('</testsuites>')) throw new Error('The report of h2spec is cut off');
  return Array.from(xml.matchAll(/<testcase ([^>]*)>([\s\S]*?)<\/testcase>/g), ([, attributes, content]) => ({
    name: `${attribute(attributes, 'package')}: ${attribute(attributes, 'classname')}`,
    failure: failureOf(content ?? ''),
  }));
}

function attribute(attributes: string | undefined, name: string): string {
  const value = new RegExp(`${name}="([^"]*)"`).exec(attributes ?? '')?.[1];
  if (value === undefined) throw new Error(`A case of h2spec has no ${name}`);
  return plain(value);
}

/** Whatever stands inside of a case says that it did not pass: a failure, an error, or that it was skipped. */
function failureOf(content: string): string | undefined {
  const text = plain(content.replaceAll(/<[^>]*>/g, ' ')).trim();
  return content.trim() === '' ? undefined : text || content.trim();
}

function plain(text: string): string {
  const named: Readonly<Record<string, string>> = { lt: '<', gt: '>', quot: '"', apos: "'", amp: '&' };
  return text.replaceAll(/&(?:#x([0-9a-fA-F]+)|#(\d+)|(\w+));/g, (whole, hex, decimal, name) => {
    if (name !== undefined) return named[String(name)] ?? String(whole);
    return String.fromCodePoint(Number.parseInt(String(hex ?? decimal), hex === undefined ? 10 : 16));
  });
}
