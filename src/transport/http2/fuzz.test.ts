/**
 * Goal: promise 9, and no wrong answer whatever else happens on the connection. Method: seeds; a failing one is named.
 *
 * The first part sends anything. The second one sends what is right as far as the connection is concerned, many streams in
 * between one another, some of them bad, with random windows, chunks and a socket that is stuck at times, and checks each
 * byte of each answer with a client that is strict itself.
 */
import { describe, expect, test } from 'vitest';
import {
  data,
  Flag,
  frame,
  get,
  parseFrames,
  post,
  PREFACE,
  request,
  resetStream,
  settings,
  FrameType,
  uint32,
  windowUpdate,
} from '../../../test/support/frames.ts';
import { StrictClient, type ClientStream } from '../../../test/support/http2/strict-client.ts';
import {
  echo,
  encrypt,
  none,
  okHead,
  okTrailers,
  Wire,
  type Served,
} from '../../../test/support/http2/wire.ts';
import { SeededRandom } from '../../base/index.ts';
import { encodeHeaders } from '../hpack/index.ts';

const ping = frame(FrameType.ping, 0, 0, Buffer.from('12345678'));
/** Every stream must come to its end: time limits and floods are other tests' business. */
const many = { burst: 1e9, perSecond: 1 };
const limits = {
  pingIntervalMsMin: 0,
  floods: { settings: many, pings: many, ignored: many, windowUpdates: many, emptyData: many, resets: many },
};

function randomBytes(random: SeededRandom, length: number): Buffer {
  return Buffer.from(Array.from({ length }, () => random.int(0, 255)));
}

/** A frame of any kind, often nearly right. */
function anyFrame(random: SeededRandom): Buffer {
  const id = random.pick([0, 1, 1, 3, 3, 5, 7, 9, 2, 0x7fff_ffff, random.int(0, 20)]);
  switch (random.int(0, 12)) {
    case 0:
    case 1:
      return request(id, random.pick([get, post]), random.chance(0.5));
    case 2:
      return data(id, randomBytes(random, random.int(0, 300)), random.chance(0.3));
    case 3:
      return windowUpdate(id, random.pick([0, 1, 70_000, 0x7fff_ffff]));
    case 4:
      return settings([random.int(0, 9), random.pick([0, 1, 100, 65_535, 16_384, 0x7fff_ffff, 0xffff_ffff])]);
    case 5:
      return resetStream(id, random.int(0, 20));
    case 6:
      return frame(FrameType.headers, random.int(0, 255), id, encodeHeaders(get));
    case 7:
      return frame(FrameType.continuation, random.int(0, 5), id, encodeHeaders([['a', 'b']]));
    case 8:
      return frame(
        random.int(0, 12),
        random.int(0, 255),
        id,
        randomBytes(random, random.pick([0, 4, 5, 8, 20])),
      );
    case 9:
      return frame(FrameType.headers, 0x5, id, randomBytes(random, random.int(0, 40)));
    case 10:
      return frame(FrameType.priority, 0, id, Buffer.concat([uint32(random.int(0, 9)), Buffer.of(1)]));
    case 11:
      return ping;
    default:
      return randomBytes(random, random.int(1, 12));
  }
}

/** Bytes in chunks of random size. */
function sendInChunks(random: SeededRandom, wire: Wire, bytes: Buffer): void {
  const chunkMax = random.pick([1, 3, 50, 5000]);
  for (let at = 0; at < bytes.length;) {
    const end = Math.min(bytes.length, at + random.int(1, chunkMax));
    wire.send(Buffer.from(bytes.subarray(at, end)));
    at = end;
  }
}

/** Answers in some way, or not at all. */
function anyAnswer(random: SeededRandom, { stream }: Served): void {
  const body = Buffer.alloc(random.pick([0, 1, 1000, 100_000]), 1);
  switch (random.int(0, 5)) {
    case 0:
      return;
    case 1:
      stream.reset(random.int(0, 13));
      return;
    case 2:
      stream.headers(okHead, false);
      stream.write(none, body);
      if (random.chance(0.5)) stream.end();
      return;
    default:
      stream.respond(okHead, Buffer.of(1, 2), body, random.chance(0.5) ? okTrailers : undefined);
  }
}

describe('anything', () => {
  test.each([
    [
      'frames',
      (random: SeededRandom) =>
        Buffer.concat(Array.from({ length: random.int(1, 40) }, () => anyFrame(random))),
    ],
    [
      'damaged requests',
      (random: SeededRandom) => {
        const good = [1, 3, 5, 7, 9].flatMap((id) => [request(id, post, false), data(id, 'abc', true)]);
        const bytes = Buffer.concat([...good, ping, windowUpdate(0, 5)]);
        for (let flips = random.int(1, 3); flips > 0; flips--) {
          bytes[random.int(0, bytes.length - 1)] = random.int(0, 255);
        }
        return bytes;
      },
    ],
    ['noise', (random: SeededRandom) => randomBytes(random, random.int(0, 500))],
  ])('of %s is answered or refused, and never breaks the server', (_name, make) => {
    const ends = { refused: 0, served: 0 };
    for (let seed = 0; seed < 1000; seed++) {
      const random = new SeededRandom(seed);
      const wire = new Wire({ isFresh: true, onRequest: (served) => anyAnswer(random, served) });
      sendInChunks(random, wire, Buffer.concat([PREFACE, settings(), make(random)]));
      wire.frames();
      wire.seconds(40);
      wire.send(ping);
      const isServing = wire.said().includes('ping ack');
      expect({ seed, faults: wire.faults }).toEqual({ seed, faults: [] });
      expect({ seed, isEnded: wire.socket.writableEnded || wire.socket.destroyed }).toEqual({
        seed,
        isEnded: !isServing,
      });
      if (isServing) ends.served++;
      else ends.refused++;
      if (!isServing) expect({ seed, open: wire.connection.streams }).toEqual({ seed, open: 0 });
    }
    expect(ends.refused).toBeGreaterThan(50);
  });
});

/** The answer that belongs to a stream. */
const bodyOf = (id: number, length: number): string => {
  let text = '';
  for (let line = 0; text.length < length; line++) text += `${id}:${line};`;
  return text.slice(0, length);
};

/** One run of the second part. */
class Mix {
  readonly random: SeededRandom;
  readonly wire: Wire;
  readonly client = new StrictClient();
  readonly pending: Served[] = [];
  readonly expected = new Map<number, string>();
  readonly uploads = new Map<number, { left: number; sent: string }>();
  nextId = 1;
  #out: Buffer[] = [];

  constructor(seed: number) {
    this.random = new SeededRandom(seed);
    this.wire = new Wire({
      limits,
      prepare: this.random.chance(0.5) ? encrypt : () => undefined,
      onRequest: (served) => {
        if (served.stream.head.path === '/early') this.answer(served);
      },
      onComplete: (served) => {
        if (served.stream.head.path === '/early') return;
        if (this.random.chance(0.5)) this.answer(served);
        else this.pending.push(served);
      },
    });
    this.client.sendWindow = 1024 * 1024;
  }

  answer(served: Served): void {
    const { stream } = served;
    const { random } = this;
    const body = this.expected.get(stream.id);
    if (body === undefined) throw new Error(`stream ${stream.id} should not have been served`);
    const upload = this.uploads.get(stream.id);
    if (upload !== undefined && stream.head.path !== '/early') expect(served.body).toBe(upload.sent);
    const bytes = Buffer.from(body, 'latin1');
    const prefix = Buffer.from(bytes.subarray(0, 5));
    const slices: Buffer[] = [];
    for (let at = prefix.length; at < bytes.length;) {
      const end = at + random.int(0, random.pick([10, 1000, 40_000]));
      slices.push(bytes.subarray(at, end));
      at = end;
    }
    if (random.chance(0.5)) {
      stream.respond(okHead, prefix, slices, random.chance(0.5) ? okTrailers : undefined);
      prefix.fill(0);
      return;
    }
    stream.headers(okHead, false);
    stream.write(prefix, none);
    prefix.fill(0);
    const more = (): void => {
      for (let slice = slices.shift(); slice !== undefined; slice = slices.shift()) {
        if (!stream.write(none, slice)) return;
      }
      if (random.chance(0.5)) stream.end();
      else stream.trailers(okTrailers);
    };
    served.onDrained = more;
    more();
  }

  step(): void {
    const { random, client, wire } = this;
    const open = [...client.streams.values()].filter((stream) => !stream.isEnded && !stream.isReset);
    const action = random.int(0, 11);
    if (action <= 2) this.#open();
    else if (action <= 5) this.#upload();
    else if (action === 6) this.#grant(0, random.int(1, 50_000));
    else if (action === 7 && open.length > 0) this.#grant(random.pick(open).id, random.int(1, 50_000));
    else if (action === 8) {
      const bytes = random.pick([0, 10, 65_535, 200_000]);
      this.#out.push(settings([4, bytes]));
      client.changeInitialWindow(bytes);
    } else if (action === 9 && open.length > 0 && random.chance(0.3)) this.#giveUp(random.pick(open));
    else if (action === 10) wire.socket.isStuck = random.chance(0.5) || (wire.socket.unstick(), false);
    else this.pending.splice(0).forEach((served) => this.answer(served));
    if (random.chance(0.4)) this.flush();
  }

  #open(): void {
    const { random } = this;
    const id = this.nextId;
    this.nextId += random.pick([2, 2, 2, 4]);
    if (random.chance(0.15)) {
      // One that the server must refuse, without harm to others.
      this.client.open(id).isReset = true;
      this.#out.push(
        request(id, [
          ...get,
          random.pick([
            ['X', 'y'],
            ['te', 'gzip'],
            ['connection', 'a'],
          ] as const),
        ]),
      );
      return;
    }
    const length = random.pick([0, 3, 100, 20_000, 200_000]);
    this.expected.set(id, bodyOf(id, length));
    this.client.open(id);
    if (random.chance(0.5)) {
      this.#out.push(request(id));
      return;
    }
    const isEarly = random.chance(0.2);
    this.uploads.set(id, { left: random.int(0, 4), sent: '' });
    this.client.streamSendWindows.set(id, 256 * 1024);
    this.#out.push(
      request(id, [...post.slice(0, 2), [':path', isEarly ? '/early' : '/a'], ['x-n', String(id)]], false),
    );
  }

  #upload(): void {
    const { random, client } = this;
    if (this.uploads.size === 0) return;
    const id = random.pick([...this.uploads.keys()]);
    const upload = this.uploads.get(id);
    const stream = client.streams.get(id);
    if (upload === undefined || stream === undefined || upload.left < 0 || stream.isReset || stream.isEnded)
      return;
    const text = 'x'.repeat(random.pick([0, 1, 1000, 16_000]));
    if (text.length > client.sendWindow || text.length > (client.streamSendWindows.get(id) ?? 0)) return;
    client.sendWindow -= text.length;
    client.streamSendWindows.set(id, (client.streamSendWindows.get(id) ?? 0) - text.length);
    const isLast = upload.left === 0;
    upload.sent += text;
    upload.left--;
    this.#out.push(data(id, text, isLast));
  }

  #grant(id: number, bytes: number): void {
    const stream = this.client.streams.get(id);
    if (stream !== undefined) stream.window += bytes;
    else this.client.window += bytes;
    this.#out.push(windowUpdate(id, bytes));
  }

  #giveUp(stream: ClientStream): void {
    stream.isReset = true;
    this.#out.push(resetStream(stream.id));
  }

  /** Sends what the client has to send, and takes what the server has sent until then. */
  flush(): void {
    const bytes = Buffer.concat(this.#out);
    this.#out = [];
    if (bytes.length === 0) return;
    const chunkMax = this.random.pick([7, 100, 100_000]);
    for (let at = 0; at < bytes.length;) {
      const end = Math.min(bytes.length, at + this.random.int(1, chunkMax));
      this.wire.send(Buffer.from(bytes.subarray(at, end)));
      at = end;
    }
    this.client.receive(parseFrames(this.wire.bytes()));
  }

  /** Everything that waits is let go. */
  finish(): void {
    const { client, wire } = this;
    this.flush();
    wire.socket.unstick();
    wire.settle();
    client.receive(parseFrames(wire.bytes()));
    this.#out.push(settings([4, 65_535]));
    client.changeInitialWindow(65_535);
    for (const [id, upload] of this.uploads) {
      const stream = client.streams.get(id);
      if (upload.left < 0 || stream?.isReset || stream?.isEnded) continue;
      upload.left = -1;
      this.#out.push(data(id, '', true));
    }
    this.#grant(0, 100_000_000);
    for (const stream of client.streams.values()) {
      if (!stream.isEnded && !stream.isReset) this.#grant(stream.id, 1_000_000);
    }
    this.flush();
    this.pending.splice(0).forEach((served) => this.answer(served));
    wire.settle();
    client.receive(parseFrames(wire.bytes()));
  }
}

describe('streams in between one another', () => {
  test('each gets its own answer, whole, whatever happens to the others', { timeout: 120_000 }, () => {
    let answered = 0;
    for (let seed = 0; seed < 150; seed++) {
      const mix = new Mix(seed);
      try {
        const steps = mix.random.int(5, 100);
        for (let step = 0; step < steps; step++) mix.step();
        mix.finish();
      } catch (error) {
        throw new Error(`Seed ${seed} fails`, { cause: error });
      }
      expect({ seed, faults: mix.wire.faults, violations: mix.wire.violations }).toEqual({
        seed,
        faults: [],
        violations: [],
      });
      expect({ seed, open: mix.wire.connection.streams }).toEqual({ seed, open: 0 });
      for (const [id, body] of mix.expected) {
        const stream = mix.client.streams.get(id);
        if (stream === undefined || stream.isReset) continue;
        answered++;
        expect({ seed, id, isEnded: stream.isEnded }).toEqual({ seed, id, isEnded: true });
        if (stream.text !== body) throw new Error(`Seed ${seed}: the answer on stream ${id} is wrong`);
      }
    }
    expect(answered).toBeGreaterThan(700);
  });

  test('a damaged stream does not change what an earlier one gets', () => {
    for (let seed = 0; seed < 1000; seed++) {
      const random = new SeededRandom(seed);
      const wire = new Wire({ onComplete: echo });
      wire.send(request(1, post, false), data(1, 'abc', true));
      sendInChunks(random, wire, Buffer.concat([anyFrame(random), anyFrame(random)]));
      const [head, body] = parseFrames(wire.bytes());
      expect([head?.id, head?.type]).toEqual([1, FrameType.headers]);
      expect([body?.id, body?.flags, String(body?.payload)]).toEqual([1, Flag.endStream, 'abc']);
    }
  });
});
