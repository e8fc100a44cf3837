/** Frames of RFC 9113, section 6, as far as a client of gRPC meets them. */

export const FrameType = {
  data: 0,
  headers: 1,
  reset: 3,
  settings: 4,
  ping: 6,
  goAway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;

export const Flag = { endStream: 1, ack: 1, endHeaders: 4, padded: 8, priority: 32 } as const;

export const Setting = { headerTableSize: 1, enablePush: 2, initialWindowSize: 4 } as const;

export const FRAME_HEAD_BYTES = 9;
/** The most that a frame may hold unless the peer allows more, which this client never asks for. */
export const FRAME_BYTES_MAX = 16_384;
/** Before each message of gRPC: a flag for compression, and the length. */
export const MESSAGE_HEAD_BYTES = 5;
export const FIRST_WINDOW_BYTES = 65_535;
export const STREAM_ID_MAX = 2 ** 31 - 1;
export const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
export const NOTHING = Buffer.alloc(0);

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

export function frame(type: number, flags: number, id: number, payload: Buffer): Buffer {
  const bytes = Buffer.alloc(FRAME_HEAD_BYTES + payload.length);
  payload.copy(bytes, writeFrameHead(bytes, 0, payload.length, type, flags, id));
  return bytes;
}

export function settingsFrame(settings: readonly (readonly [number, number])[]): Buffer {
  const payload = Buffer.alloc(settings.length * 6);
  for (const [index, [name, value]] of settings.entries()) {
    payload.writeUInt16BE(name, index * 6);
    payload.writeUInt32BE(value, index * 6 + 2);
  }
  return frame(FrameType.settings, 0, 0, payload);
}

export function windowUpdateFrame(id: number, increment: number): Buffer {
  const payload = Buffer.alloc(4);
  payload.writeUInt32BE(increment);
  return frame(FrameType.windowUpdate, 0, id, payload);
}
