import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { MachineStalls } from '../support/machine-stalls.ts';
import { monotonicMs } from '../support/monotonic.ts';
import { run, start } from '../support/process.ts';

/** Real etcdctl against Engram: what an operator types. */
export class Etcdctl {
  readonly #binary: string;
  /** Before every command. */
  readonly #flags: readonly string[];

  constructor(binary: string, endpoint: string, flags: readonly string[]) {
    this.#binary = binary;
    // Its own 2 and 5 seconds are for people who wait, and not for a machine that is busy.
    this.#flags = ['--endpoints', endpoint, '--dial-timeout=30s', '--command-timeout=30s', ...flags];
  }

  async ok(args: readonly string[], input = ''): Promise<string> {
    const { code, stdout, stderr } = await this.#run(args, input);
    assert.equal(code, 0, `etcdctl ${args.join(' ')}: ${stderr}${stdout}`);
    return stdout;
  }

  async fails(args: readonly string[]): Promise<string> {
    const { code, stderr } = await this.#run(args, '');
    assert.notEqual(code, 0, `etcdctl ${args.join(' ')} should fail`);
    return stderr;
  }

  #run(args: readonly string[], input: string): ReturnType<typeof run> {
    return run(this.#binary, [...this.#flags, ...args], { input, timeoutMs: 120_000 });
  }

  async keys(): Promise<void> {
    assert.equal(await this.ok(['put', 'ctl/a', '1']), 'OK\n');
    assert.equal(await this.ok(['put', 'ctl/b', '2', '--prev-kv']), 'OK\n');
    assert.equal(await this.ok(['get', 'ctl/', '--prefix']), 'ctl/a\n1\nctl/b\n2\n');
    assert.equal(
      await this.ok(['get', 'ctl/', '--prefix', '--keys-only', '--order', 'DESCEND', '--sort-by', 'KEY']),
      'ctl/b\n\nctl/a\n\n',
    );
    assert.equal(await this.ok(['del', 'ctl/b', '--prev-kv']), '1\nctl/b\n2\n');
    const txn = 'value("ctl/a") = "1"\n\nput ctl/t yes\n\nput ctl/t no\n\n';
    assert.match(await this.ok(['txn'], txn), /^SUCCESS/);
    assert.equal(await this.ok(['get', 'ctl/t', '--print-value-only']), 'yes\n');
  }

  async watches(logFile: string): Promise<void> {
    const watching = start(this.#binary, [...this.#flags, 'watch', 'ctl/w', '--prefix'], logFile);
    await sleep(1_000);
    await this.ok(['put', 'ctl/w1', 'x']);
    await this.ok(['del', 'ctl/w1']);
    await sleep(300);
    await watching.stop();
    assert.equal(readFileSync(logFile, 'utf8'), 'PUT\nctl/w1\nx\nDELETE\nctl/w1\n\n');
  }

  async leases(): Promise<void> {
    const granted = await this.ok(['lease', 'grant', '60']);
    const id = /lease ([0-9a-f]+) granted/.exec(granted)?.[1] ?? '';
    await this.ok(['put', 'ctl/l', 'v', `--lease=${id}`]);
    assert.match(await this.ok(['lease', 'timetolive', id, '--keys']), /ctl\/l/);
    assert.match(await this.ok(['lease', 'list']), new RegExp(id));
    assert.match(await this.ok(['lease', 'keep-alive', '--once', id]), /keepalived with TTL\(60\)/);
    await this.ok(['lease', 'revoke', id]);
    assert.equal(await this.ok(['get', 'ctl/l']), '');
  }

  async maintenance(): Promise<void> {
    const status = JSON.parse(await this.ok(['endpoint', 'status', '-w', 'json'])) as Status[];
    const { revision } = status[0]!.Status.header;
    assert.equal(status[0]!.Status.version, '3.7.3');
    await this.ok(['compaction', String(revision), '--physical']);
    assert.match(await this.fails(['compaction', String(revision)]), /required revision has been compacted/);
    assert.match(
      await this.fails(['get', 'ctl/a', `--rev=${revision - 1}`]),
      /required revision has been compacted/,
    );
    await this.ok(['endpoint', 'health']);
    await this.ok(['endpoint', 'hashkv']);
    await this.ok(['defrag']);
    assert.equal(await this.ok(['alarm', 'list']), '');
    assert.equal(await this.ok(['alarm', 'disarm']), '');
    await this.ok(['member', 'list']);
  }

  /**
   * What etcd calls fast enough: nine tenths of the 150 writes a second that it sends, none above 500 ms, their standard
   * deviation at most 100 ms. It judges the machine as well, so all of it is judged here, less what witnesses of the same
   * disk and cores had to wait.
   */
  async performance(directory: string): Promise<string> {
    const stalls = await MachineStalls.start(directory);
    const fromMs = monotonicMs();
    const { code, stdout, stderr } = await this.#run(['check', 'perf', '--load=s'], '');
    const toMs = monotonicMs();
    await stalls.stop();
    // Before that it draws how far it is.
    const told = stdout.slice(stdout.lastIndexOf('p/s') + 3);
    const rate = Number(/Throughput (?:is|too low:) (\d+) writes\/s/.exec(told)?.[1]);
    const slowestMs = 1000 * Number(/Slowest request took (?:too long: )?([\d.]+)s/.exec(told)?.[1]);
    const deviationMs = 1000 * Number(/Stddev (?:is|too high:) ([\d.]+)s/.exec(told)?.[1]);
    const stalledMs = stalls.mostWithin(slowestMs);
    const ownShare = 1 - stalls.within({ fromMs, toMs }) / (toMs - fromMs);
    const result =
      `${rate} writes/s, the slowest ${slowestMs.toFixed()} ms, of which the machine stood still for ` +
      `${stalledMs.toFixed()}, and for ${(100 - 100 * ownShare).toFixed()} % of all the time`;
    const all = `exit ${code}, ${result}: ${stderr}${told}`;
    assert.ok(!told.includes('too many errors'), all);
    assert.ok(rate >= 135 * ownShare, all);
    assert.ok(slowestMs - stalledMs <= 500, all);
    assert.ok(deviationMs - stalledMs <= 100, all);
    return result;
  }
}

interface Status {
  readonly Status: { readonly version: string; readonly header: { readonly revision: number } };
}
