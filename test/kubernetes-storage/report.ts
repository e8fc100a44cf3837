/** What a compiled Go test prints with -test.v, read line by line. */

/** A test or a subtest that has ended. */
export interface TestEnd {
  readonly name: string;
  readonly outcome: 'PASS' | 'FAIL' | 'SKIP';
  readonly seconds: number;
  /** What it printed itself, at most its last lines. */
  readonly output: readonly string[];
}

/** What the server file of this directory prints when a test has its server. */
const serverLine = /^storage server \d+ of (\S+) after \S+$/;
const beginLine = /^=== (?:RUN|CONT|NAME|PAUSE) +(\S*)$/;
const endLine = /^\s*--- (PASS|FAIL|SKIP): (\S+) \(([\d.]+)s\)$/;
const outputLinesMax = 60;

/** Reads one run; `line` for each line of it, then ask. */
export class TestReport {
  readonly #ends: TestEnd[] = [];
  readonly #outputs = new Map<string, string[]>();
  readonly #withServer = new Set<string>();
  #current = '';

  line(text: string): void {
    const [begin, end, server] = [beginLine.exec(text), endLine.exec(text), serverLine.exec(text)];
    if (begin !== null) this.#current = begin[1]!;
    else if (server !== null) this.#withServer.add(server[1]!);
    else if (end !== null) this.#end(end[2]!, end[1] as TestEnd['outcome'], Number(end[3]));
    else this.#outputOf(this.#current).push(text);
  }

  /**
   * The tests that used a server, their own or that of the test around them, each once: those without subtests, and a
   * test around others if it failed and none of them did.
   */
  onServer(): readonly TestEnd[] {
    const failed = this.#ends.filter(({ outcome }) => outcome === 'FAIL');
    const isInside = (inner: string, outer: string) => inner.startsWith(`${outer}/`);
    const outer = new Set(this.#ends.flatMap(({ name }) => outerNames(name)));
    return this.#ends.filter(({ name, outcome }) => {
      const used = [name, ...outerNames(name)].some((one) => this.#withServer.has(one));
      if (!outer.has(name)) return used;
      const inside = used || [...this.#withServer].some((one) => isInside(one, name));
      return inside && outcome === 'FAIL' && !failed.some((one) => isInside(one.name, name));
    });
  }

  #outputOf(name: string): string[] {
    const lines = this.#outputs.get(name) ?? [];
    this.#outputs.set(name, lines);
    if (lines.length > outputLinesMax) lines.shift();
    return lines;
  }

  #end(name: string, outcome: TestEnd['outcome'], seconds: number): void {
    this.#ends.push({ name, outcome, seconds, output: this.#outputOf(name) });
    this.#current = name;
  }
}

/** `A/b/c` is in `A/b` and in `A`. */
function outerNames(name: string): readonly string[] {
  const parts = name.split('/');
  return parts.slice(1).map((_, count) => parts.slice(0, count + 1).join('/'));
}
