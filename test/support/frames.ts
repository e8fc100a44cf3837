import { encodeHeaders } from '../../src/transport/hpack/index.ts';

/** Frames of RFC 9113 as bytes and back, for tests and loads of both ends of a connection. */

export const FrameType = {
  data: 0,
  headers: 1,
  priority: 2,
  reset: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goAway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;
export const Flag = { endStream: 1, ack: 1, endHeaders: 4, padded: 8, priority: 32 } as const;
export const Setting = { headerTableSize: 1, enablePush: 2, initialWindowSize: 4 } as const;

export const FRAME_HEAD_BYTES = 9;
/** The most that a frame may hold unless the peer allows more, which no client of ours asks for. */
export const FRAME_BYTES_MAX = 16_384;
/** Before each message of gRPC: a flag for compression, and the length. */
export const MESSAGE_HEAD_BYTES = 5;
export const FIRST_WINDOW_BYTES = 65_535;
export const STREAM_ID_MAX = 2 ** 31 - 1;
export const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
export const NOTHING = Buffer.alloc(0);

export interface Frame {
  type: number;
  flags: number;
  id: number;
  payload: Buffer;
}

/** Writes a frame's head; returns the offset behind it. */
export function writeFrameHead(
  target: Buffer,
  at: number,
  length: number,
  type: number,
  flags: number,
  id: number,
): number {
  target[at] = length >>> 16;
  target[at + 1] = length >>> 8;
  target[at + 2] = length;
  target[at + 3] = type;
  target[at + 4] = flags;
  return writeWord(target, at + 5, id);
}

export function writeWord(target: Buffer, at: number, value: number): number {
  target[at] = value >>> 24;
  target[at + 1] = value >>> 16;
  target[at + 2] = value >>> 8;
  target[at + 3] = value;
  return at + 4;
}

export function frame(type: number, flags: number, id: number, payload: Uint8Array = NOTHING): Buffer {
  const bytes = Buffer.alloc(FRAME_HEAD_BYTES + payload.length);
  bytes.set(payload, writeFrameHead(bytes, 0, payload.length, type, flags, id));
  return bytes;
}

export function uint32(...values: number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 4);
  values.forEach((value, at) => bytes.writeUInt32BE(value, at * 4));
  return bytes;
}

export function settings(...pairs: (readonly [number, number])[]): Buffer {
  const bytes = Buffer.alloc(pairs.length * 6);
  pairs.forEach(([key, value], at) => {
    bytes.writeUInt16BE(key, at * 6);
    bytes.writeUInt32BE(value, at * 6 + 2);
  });
  return frame(FrameType.settings, 0, 0, bytes);
}

export type Fields = readonly (readonly [string, string])[];

export const get: Fields = [
  [':method', 'GET'],
  [':scheme', 'http'],
  [':path', '/'],
  [':authority', 'test'],
];
export const post: Fields = [
  [':method', 'POST'],
  [':scheme', 'http'],
  [':path', '/a'],
  [':authority', 'test'],
];

/** A request whose headers fit one frame. */
export function request(id: number, fields: Fields = get, isLast = true): Buffer {
  return frame(FrameType.headers, Flag.endHeaders | (isLast ? Flag.endStream : 0), id, encodeHeaders(fields));
}

export function data(id: number, payload: Uint8Array | string, isLast = false): Buffer {
  return frame(FrameType.data, isLast ? Flag.endStream : 0, id, Buffer.from(payload));
}

export function windowUpdate(id: number, increment: number): Buffer {
  return frame(FrameType.windowUpdate, 0, id, uint32(increment));
}

export function resetStream(id: number, code = 8): Buffer {
  return frame(FrameType.reset, 0, id, uint32(code));
}

/** All frames of a run of bytes that has nothing else. */
export function parseFrames(bytes: Buffer): Frame[] {
  const frames: Frame[] = [];
  let at = 0;
  while (at < bytes.length) {
    const end = at + 9 + bytes.readUIntBE(at, 3);
    if (end > bytes.length) throw new Error(`Cannot parse frames: ${bytes.length - at} bytes are left over`);
    frames.push({
      type: bytes[at + 3]!,
      flags: bytes[at + 4]!,
      id: bytes.readUInt32BE(at + 5),
      payload: bytes.subarray(at + 9, end),
    });
    at = end;
  }
  return frames;
}

const names = Object.fromEntries(Object.entries(FrameType).map(([name, type]) => [type, name]));

/** A frame in a few words: `data 1 end 12` and the like, for comparing. */
export function describeFrame({ type, flags, id, payload }: Frame): string {
  const name = names[type] ?? `type${type}`;
  switch (type) {
    case FrameType.data:
      return `data ${id}${flags & Flag.endStream ? ' end' : ''} ${payload.length}`;
    case FrameType.headers:
      return `headers ${id}${flags & Flag.endStream ? ' end' : ''}`;
    case FrameType.reset:
      return `reset ${id} code ${payload.readUInt32BE(0)}`;
    case FrameType.goAway:
      return `goAway ${payload.readUInt32BE(0)} code ${payload.readUInt32BE(4)} ${payload.toString('latin1', 8)}`.trim();
    case FrameType.windowUpdate:
      return `windowUpdate ${id} ${payload.readUInt32BE(0)}`;
    case FrameType.settings:
    case FrameType.ping:
      return flags & Flag.ack ? `${name} ack` : name;
    default:
      return `${name} ${id}`;
  }
}
