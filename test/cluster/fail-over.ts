import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { SeededRandom } from '../../src/base/index.ts';
import type { Span } from '../support/machine-stalls.ts';
import { monotonicMs } from '../support/monotonic.ts';
import { eventually } from '../support/suite.ts';
import type { History } from './history.ts';
import { longestGap, medianOf, summary } from './load.ts';
import type { Load } from './load.ts';
import type { Nodes } from './nodes.ts';
import { told, underLoad } from './under-load.ts';

const FAIL_OVER_MS_MAX = 1500;
const HAND_OVER_MEDIAN_MS_MAX = 200;
/** How long after something happened a pause of the writes is taken to come from it. */
const AFTER_MS = 2500;
const ACKNOWLEDGED_MS_MAX = 15_000;
/** After its end a lease is revoked, which takes a write, at the next look that the leader has for it. */
const OVERDUE_MS_MAX = 2000;
/** Several lease times of 800 ms. */
const PAUSE_MS = 3000;

/** Nothing happens: all is as promised, every node serves writes, and leases nobody keeps alive end in time. */
export async function calm(nodes: Nodes, forMs: number): Promise<string> {
  const fromMs = monotonicMs();
  const history = await underLoad(nodes, () => sleep(forMs), {
    get overdueMsMax() {
      return OVERDUE_MS_MAX + nodes.stalledMs({ fromMs, toMs: monotonicMs() });
    },
  });
  for (const at of nodes.targets.keys()) {
    const count = history.puts.filter(({ endpoint, error }) => endpoint === at && error === undefined).length;
    assert.ok(count > forMs / 100, `only ${count} writes were acknowledged by node ${at}`);
  }
  return told(history);
}

/** From the kill to the end of the first write that began after the leader was gone. */
async function failOver(nodes: Nodes, load: Load): Promise<{ span: Span; node: number }> {
  const node = await nodes.leader();
  const fromMs = monotonicMs();
  await nodes.stop(node, 'SIGKILL');
  const put = await load.acknowledgedAfter(monotonicMs(), ACKNOWLEDGED_MS_MAX);
  return { span: { fromMs, toMs: put.endMs }, node };
}

function worstMs(nodes: Nodes, spans: readonly Span[]): number {
  return Math.max(...spans.map((span) => nodes.ownMs(span)));
}

/** Kill -9 of the leader, again and again; the killed one comes back each time. */
export async function leaderKilled(nodes: Nodes, rounds: number, seed: number): Promise<string> {
  const random = new SeededRandom(seed);
  const waits: Span[] = [];
  const history = await underLoad(nodes, async (load) => {
    for (let round = 0; round < rounds; round++) {
      const { span, node } = await failOver(nodes, load);
      waits.push(span);
      await sleep(random.int(100, 700));
      await nodes.up(node);
      await nodes.agreed();
      await sleep(random.int(100, 700));
    }
  });
  const result = `from the kill to the next write: ${summary(waits)}; ${told(history)}`;
  assert.ok(worstMs(nodes, waits) <= FAIL_OVER_MS_MAX, result);
  return result;
}

/** The leader stands still for longer than its lease: it comes back as a follower and answers nothing that is stale. */
export async function leaderPaused(nodes: Nodes, rounds: number): Promise<string> {
  const waits: Span[] = [];
  const pauses: (Span & { node: number })[] = [];
  const history = await underLoad(nodes, async (load) => {
    for (let round = 0; round < rounds; round++) {
      const node = await nodes.leader();
      const fromMs = monotonicMs();
      nodes.pause(node);
      const put = await load.acknowledgedAfter(fromMs + 5, ACKNOWLEDGED_MS_MAX);
      waits.push({ fromMs, toMs: put.endMs });
      await sleep(Math.max(0, PAUSE_MS - (monotonicMs() - fromMs)));
      pauses.push({ node, fromMs, toMs: monotonicMs() });
      nodes.resume(node);
      await eventually(`that node ${node} follows`, 5000, async () => {
        const { leader, member } = await nodes.status(node);
        return leader !== member && leader !== '0' ? true : undefined;
      });
      await sleep(AFTER_MS);
    }
  });
  const late = pauses.map(({ node, fromMs, toMs }) => answeredLate(history, node, { fromMs, toMs }));
  assert.ok(Math.min(...late) > 0, 'no read was under way at the node that stood still');
  return (
    `from the stop to the next write: ${summary(waits)}; ${late.join(', ')} reads of that time were answered later; ` +
    told(history)
  );
}

/** Linearizable reads that a node was asked for while it stood still, and answered when it went on. */
function answeredLate({ gets }: History, node: number, { fromMs, toMs }: Span): number {
  return gets.filter(
    ({ endpoint, startMs, endMs, isSerializable, error }) =>
      endpoint === node &&
      !isSerializable &&
      error === undefined &&
      startMs > fromMs &&
      startMs < toMs &&
      endMs >= toMs,
  ).length;
}

/** SIGTERM of the leader: another one takes over at once. */
export async function leaderTerminated(nodes: Nodes, rounds: number): Promise<string> {
  const startsMs: number[] = [];
  const history = await underLoad(nodes, async () => {
    for (let round = 0; round < rounds; round++) {
      const node = await nodes.leader();
      startsMs.push(monotonicMs());
      const stopping = nodes.stop(node, 'SIGTERM');
      await sleep(AFTER_MS);
      await stopping;
      await nodes.up(node);
      await nodes.agreed();
      await sleep(500);
    }
  });
  const gaps = startsMs.map((ms) => longestGap(history, { fromMs: ms, toMs: ms + AFTER_MS }));
  const result = `without an acknowledged write: ${summary(gaps)}; ${told(history)}`;
  assert.ok(medianOf(gaps.map((gap) => nodes.ownMs(gap))) < HAND_OVER_MEDIAN_MS_MAX, result);
  return result;
}

/** All nodes, one after the other, as an upgrade does it. */
export async function rollingRestart(nodes: Nodes, rounds: number): Promise<string> {
  const spans: Span[] = [];
  const history = await underLoad(nodes, async () => {
    for (let round = 0; round < rounds; round++) {
      const fromMs = monotonicMs();
      for (const node of nodes.targets.keys()) {
        await nodes.stop(node, 'SIGTERM');
        await nodes.up(node);
        await nodes.agreed();
      }
      spans.push({ fromMs, toMs: monotonicMs() });
    }
  });
  const gaps = spans.map((span) => longestGap(history, span));
  const result = `longest time without an acknowledged write: ${summary(gaps)}; ${told(history)}`;
  assert.ok(worstMs(nodes, gaps) < FAIL_OVER_MS_MAX, result);
  return result;
}

/** Kill -9 of a follower, or a pause of it: the others go on as if nothing was, and it catches up. */
export async function followerDisturbed(nodes: Nodes, rounds: number): Promise<string> {
  const spans: Span[] = [];
  const history = await underLoad(nodes, async () => {
    for (let round = 0; round < rounds; round++) {
      const leader = await nodes.leader();
      const node = (leader + 1 + (round % (nodes.targets.length - 1))) % nodes.targets.length;
      const fromMs = monotonicMs();
      if (round % 2 === 0) await nodes.stop(node, 'SIGKILL');
      else nodes.pause(node);
      await sleep(AFTER_MS);
      spans.push({ fromMs, toMs: monotonicMs() });
      nodes.resume(node);
      await nodes.up(node);
      await nodes.agreed();
    }
  });
  const gaps = spans.map((span) => longestGap(history, span));
  const result = `without an acknowledged write: ${summary(gaps)}; ${told(history)}`;
  assert.ok(worstMs(nodes, gaps) < FAIL_OVER_MS_MAX, result);
  return result;
}
