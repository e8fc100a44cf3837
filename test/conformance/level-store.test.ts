import { execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { cp, mkdtemp, open, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { silentLogger } from '../../src/base/index.ts';
import type { Logger } from '../../src/base/index.ts';
import { EngineError } from '../../src/engine/index.ts';
import { LevelEngine } from '../../src/engine/level/index.ts';
import { bytes, commit, COMMITTED, content, expectCode, read } from './helpers.ts';

/** What LevelEngine does beyond the contract: the lock, damaged and shortened files, kill -9. */

let directory: string;
let engines: LevelEngine[];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'engram-level-'));
  engines = [];
});
afterEach(async () => {
  for (const engine of engines) await engine.close();
  await rm(directory, { recursive: true });
});

async function openEngine(logger: Logger = silentLogger): Promise<LevelEngine> {
  const engine = await LevelEngine.open({ directory, logger });
  engines.push(engine);
  return engine;
}

/** A store with `count` commits in LevelDB's log, as a process that was killed leaves it: nothing was closed. */
async function killedStore(count: number): Promise<void> {
  const live = await mkdtemp(join(tmpdir(), 'engram-level-live-'));
  const engine = await LevelEngine.open({ directory: live });
  for (let i = 1; i <= count; i++) {
    await commit(engine, { [`slot${String(i).padStart(4, '0')}`]: `${i}`.repeat(500), head: `${i}` });
  }
  await cp(live, directory, { recursive: true });
  await engine.close();
  await rm(live, { recursive: true });
}

async function logPath(): Promise<string> {
  const names = (await readdir(join(directory, 'db'))).filter((name) => name.endsWith('.log'));
  expect(names).toHaveLength(1);
  return join(directory, 'db', names[0]!);
}

async function flipByte(path: string, position: number): Promise<void> {
  const file = await open(path, 'r+');
  const byte = Buffer.alloc(1);
  await file.read(byte, 0, 1, position);
  byte[0] = byte[0]! ^ 0x10;
  await file.write(byte, 0, 1, position);
  await file.close();
}

async function openError(): Promise<EngineError> {
  const error: unknown = await openEngine().then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(EngineError);
  return error as EngineError;
}

describe('the lock', () => {
  test('a second engine on a directory is refused at once and told who holds it', async () => {
    const engine = await openEngine();
    await commit(engine, { a: '1' });
    const error = await openError();
    expect(error.code).toBe('locked');
    expect(error.message).toContain(`process ${process.pid} on host`);
    expect(error.message).toContain(directory);
    expect(await commit(engine, { b: '2' })).toEqual(COMMITTED);
    expect(await content(engine)).toEqual(['a=1', 'b=2']);
  });

  test('what a dead process left of its ownership keeps nobody out', async () => {
    await killedStore(3);
    expect(await readFile(join(directory, 'owner.json'), 'utf8')).toContain('"pid":');
    await writeFile(join(directory, 'owner.json'), '{"pid":1,"host":"elsewhere"}\n');
    expect(await read(await openEngine(), 'head')).toBe('3');
  });

  test('promise 1: after kill -9 every acknowledged commit is there', { timeout: 120_000 }, async () => {
    for (let round = 0; round < 3; round++) {
      const script = join(import.meta.dirname, 'hold-level.ts');
      const child = spawn(process.execPath, ['--import', 'tsx', script, directory], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const exited = once(child, 'exit');
      let acknowledged = 0;
      for await (const line of createInterface(child.stdout)) {
        const [kind, number] = line.split(' ');
        expect(kind).toBe('committed');
        acknowledged = Number(number);
        if (acknowledged === 50) {
          const error = await openError();
          expect(error.code).toBe('locked');
          expect(error.message).toContain(`process ${child.pid} on host`);
        }
        if (acknowledged === 100 + round * 77) child.kill('SIGKILL');
      }
      await exited;
      const engine = await openEngine();
      const tail = Number(await read(engine, 'tail'));
      // At most the one commit that was under way is there without having been acknowledged.
      expect(tail).toBeGreaterThanOrEqual(acknowledged);
      const found = await content(engine);
      const slots = found.filter((entry) => entry.startsWith('slot'));
      expect(slots.length).toBeGreaterThanOrEqual(tail);
      expect(slots[tail - 1]!.startsWith(`slot${String(tail).padStart(8, '0')}=`)).toBe(true);
      await engine.close();
    }
  });
});

describe('promise 1: a store that lost what it acknowledged is refused', () => {
  test('it opens when nothing is damaged', async () => {
    await killedStore(200);
    const engine = await openEngine();
    expect(await read(engine, 'head')).toBe('200');
    expect(await content(engine)).toHaveLength(201);
  });

  test('a log without its last record', async () => {
    await killedStore(200);
    const path = await logPath();
    const before = (await stat(path)).size;
    await truncate(path, before - 1);
    const error = await openError();
    expect(error.code).toBe('behind');
    expect(error.message).toMatch(/log at byte \d+/);
    expect(error.message).toContain('ends with commit 199, but commit 200 was acknowledged');
    expect(error.message).toContain(join(directory, 'acknowledged'));
    // The evidence is as it was, and the same answer comes again.
    expect((await stat(path)).size).toBe(before - 1);
    expect((await openError()).code).toBe('behind');
  });

  test('a log cut off in the middle, and an empty one', async () => {
    await killedStore(200);
    const path = await logPath();
    await truncate(path, Math.floor((await stat(path)).size / 2));
    expect((await openError()).code).toBe('behind');
    await truncate(path, 0);
    const error = await openError();
    expect(error.code).toBe('behind');
    expect(error.message).toContain('ends with commit 0, but commit 200');
  });

  test('a flipped byte anywhere in the log', async () => {
    await killedStore(200);
    const path = await logPath();
    const whole = await readFile(path);
    const last = whole.length - 1;
    const positions = [0, 4, 5, 6, 7, 20, 40, 32 * 1024 - 3, 32 * 1024, 50_000, 150_001, last - 500, last];
    for (const position of positions) {
      await flipByte(path, position);
      const error = await openError();
      expect(['corrupt', 'behind'], `${position}: ${error.message}`).toContain(error.code);
      if (position < last - 2000) {
        expect(error.code, `${position}`).toBe('corrupt');
        const named = Number(/at byte (\d+)/.exec(error.message)![1]);
        expect(named).toBeLessThanOrEqual(position);
        expect(named).toBeGreaterThan(position - 2000);
      }
      await flipByte(path, position);
      expect(Buffer.compare(await readFile(path), whole)).toBe(0);
    }
    expect(await read(await openEngine(), 'head')).toBe('200');
  });

  test('a torn commit that was not acknowledged is no damage', async () => {
    await killedStore(200);
    const path = await logPath();
    const file = await open(path, 'a');
    await file.write(Buffer.from('3f8a11c2e80301', 'hex'));
    await file.close();
    const engine = await openEngine();
    expect(await read(engine, 'head')).toBe('200');
    expect(await commit(engine, { head: '201' })).toEqual(COMMITTED);
  });

  test('a store without its CURRENT file is not taken for an empty one', async () => {
    await killedStore(5);
    await rm(join(directory, 'db', 'CURRENT'));
    const error = await openError();
    expect(error.code).toBe('behind');
    expect((await stat(await logPath())).size).toBeGreaterThan(1000);
  });

  test('another store of the same length in its place', async () => {
    await killedStore(5);
    const other = await mkdtemp(join(tmpdir(), 'engram-level-other-'));
    const engine = await LevelEngine.open({ directory: other });
    for (let i = 1; i <= 5; i++) await commit(engine, { other: `${i}` });
    await engine.close();
    await cp(join(other, 'acknowledged'), join(directory, 'acknowledged'));
    await rm(other, { recursive: true });
    const error = await openError();
    expect(error.code).toBe('behind');
    expect(error.message).toContain('is not the one that was acknowledged');
  });

  test('a damaged table ends a read with an error', async () => {
    const engine = await openEngine();
    for (let i = 0; i < 50; i++) await commit(engine, { [`k${i}`]: 'v'.repeat(1000) });
    await engine.compact();
    await engine.close();
    const tables = (await readdir(join(directory, 'db'))).filter((name) => name.endsWith('.ldb'));
    const path = join(directory, 'db', tables[0]!);
    await flipByte(path, (await stat(path)).size - 4);
    const error = await openError();
    expect(error.code).toBe('corrupt');
    expect(error.message).toContain('restore the data directory from a backup');
  });

  test('without its side file it opens with a warning, and so with a torn one', async () => {
    for (const damage of ['missing', 'torn']) {
      await killedStore(5);
      if (damage === 'missing') await rm(join(directory, 'acknowledged'));
      else await truncate(join(directory, 'acknowledged'), 9);
      const warnings: string[] = [];
      const engine = await openEngine({ ...silentLogger, warn: (message) => warnings.push(message) });
      expect(warnings).toEqual(['Cannot check that the store holds all that it acknowledged']);
      expect(await read(engine, 'head')).toBe('5');
      await engine.close();
      const again = await openEngine({ ...silentLogger, warn: (message) => warnings.push(message) });
      expect(warnings).toHaveLength(1);
      await again.close();
    }
  });

  test('promise 10: a newer format is refused with both numbers', async () => {
    await killedStore(1);
    const mark = await readFile(join(directory, 'acknowledged'));
    mark.writeUInt16BE(7, 4);
    const { crc32 } = await import('node:zlib');
    mark.writeUInt32BE(crc32(mark.subarray(0, 16)), 16);
    await writeFile(join(directory, 'acknowledged'), mark);
    const error = await openError();
    expect(error.code).toBe('format');
    expect(error.message).toContain('format 7 and this version knows up to 1');
  });
});

/** A small file system of its own; needs root. */
function mount(path: string, mebibytes: number): boolean {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${mebibytes}m`, 'tmpfs', path], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

test('promise 1: on a full disk writes are uncertain and reads go on, and with space writes work again', async ({
  skip,
}) => {
  if (!mount(directory, 40)) skip('cannot mount a tmpfs');
  try {
    const ballast = join(directory, 'ballast');
    const engine = await openEngine();
    await commit(engine, { head: '0' });
    await writeFile(ballast, Buffer.alloc(20 * 1024 * 1024));
    let stored = 0;
    let result = await commit(engine, { head: '0' });
    while (result.kind === 'committed') {
      stored++;
      // What can be compressed takes a hundred times as many commits, and their reading as long.
      const value = randomBytes(200_000);
      result = await engine.commit(
        { conditions: [], writes: [{ key: bytes(`k${stored}`), value }] },
        new AbortController().signal,
      );
    }
    expect(result.kind).toBe('uncertain');
    for (let i = 0; i < 3; i++) {
      const again = await commit(engine, { small: '1' });
      expect(again.kind).toBe('uncertain');
      if (again.kind === 'uncertain') {
        expect(again.cause).toBeInstanceOf(EngineError);
        expect(again.cause.message).toMatch(/disk is full|No space/);
      }
      expect(await read(engine, 'head')).toBe('0');
      expect(await content(engine)).toHaveLength(stored);
    }
    await rm(ballast);
    let kind = 'uncertain';
    for (let i = 0; i < 20 && kind === 'uncertain'; i++) kind = (await commit(engine, { head: '1' })).kind;
    expect(kind).toBe('committed');
    expect((await content(engine)).length).toBeGreaterThanOrEqual(stored);
    await engine.close();
    expect(await read(await openEngine(), 'head')).toBe('1');
    await expectCode(engine.snapshot(), 'closed');
  } finally {
    for (const engine of engines) await engine.close();
    execFileSync('umount', [directory]);
  }
}, 120_000);
