import { encodeHeaders } from '../../../src/transport/hpack/index.ts';

/** Frames as bytes and back, for tests of both ends of a connection. */

export const Type = {
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
export const Flag = { ack: 1, endStream: 1, endHeaders: 4, padded: 8, priority: 32 } as const;
export const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

export interface Frame {
  type: number;
  flags: number;
  id: number;
  payload: Buffer;
}

export function frame(
  type: number,
  flags: number,
  id: number,
  payload: Uint8Array = Buffer.alloc(0),
): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(id, 5);
  return Buffer.concat([head, payload]);
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
  return frame(Type.settings, 0, 0, bytes);
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
  return frame(Type.headers, Flag.endHeaders | (isLast ? Flag.endStream : 0), id, encodeHeaders(fields));
}

export function data(id: number, payload: Uint8Array | string, isLast = false): Buffer {
  return frame(Type.data, isLast ? Flag.endStream : 0, id, Buffer.from(payload));
}

export function windowUpdate(id: number, increment: number): Buffer {
  return frame(Type.windowUpdate, 0, id, uint32(increment));
}

export function resetStream(id: number, code = 8): Buffer {
  return frame(Type.reset, 0, id, uint32(code));
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

const names = Object.fromEntries(Object.entries(Type).map(([name, type]) => [type, name]));

/** A frame in a few words: `data 1 end 12` and the like, for comparing. */
export function describeFrame({ type, flags, id, payload }: Frame): string {
  const name = names[type] ?? `type${type}`;
  switch (type) {
    case Type.data:
      return `data ${id}${flags & Flag.endStream ? ' end' : ''} ${payload.length}`;
    case Type.headers:
      return `headers ${id}${flags & Flag.endStream ? ' end' : ''}`;
    case Type.reset:
      return `reset ${id} code ${payload.readUInt32BE(0)}`;
    case Type.goAway:
      return `goAway ${payload.readUInt32BE(0)} code ${payload.readUInt32BE(4)} ${payload.toString('latin1', 8)}`.trim();
    case Type.windowUpdate:
      return `windowUpdate ${id} ${payload.readUInt32BE(0)}`;
    case Type.settings:
    case Type.ping:
      return flags & Flag.ack ? `${name} ack` : name;
    default:
      return `${name} ${id}`;
  }
}
