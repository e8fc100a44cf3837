import { connect } from 'node:net';
import type { Socket } from 'node:net';

/** Frame types of RFC 9113, section 6. */
const DATA = 0;
const HEADERS = 1;
const RST_STREAM = 3;
const SETTINGS = 4;
const PING = 6;
const GOAWAY = 7;
const WINDOW_UPDATE = 8;
const END_STREAM = 1;
const END_HEADERS = 4;
const PADDED = 8;
const ACK = 1;
const WINDOW_BYTES = 2 ** 30;
const STREAM_ID_MAX = 2 ** 31 - 1;
const FRAME_HEAD = 9;
const MESSAGE_HEAD = 5;

interface OpenCall {
  message: Buffer | undefined;
  done: (response: Buffer | undefined) => void;
}

/**
 * gRPC calls as bare frames over one TCP connection, for loads that a real client (40 us a call) could not make beside the
 * server. It reads no headers: a call that has brought a message was answered, one that has not has failed. Requests
 * stay below 16 KiB, so that one frame and the stream's first window hold each.
 */
export class RawConnection {
  readonly #socket: Socket;
  readonly #authority: string;
  readonly #heads = new Map<string, Buffer>();
  readonly #calls = new Map<number, OpenCall>();
  readonly #waiting: Buffer[] = [];
  #out: Buffer[] = [];
  #rest: Buffer = Buffer.alloc(0);
  #nextStream = 1;
  /** What the server lets this connection send. */
  #window = 65_535;
  #received = 0;
  #isFlushing = false;

  static async to(target: string): Promise<RawConnection> {
    const [host, port] = target.split(':');
    const socket = connect({ host: host!, port: Number(port), noDelay: true });
    await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject));
    return new RawConnection(socket, target);
  }

  private constructor(socket: Socket, authority: string) {
    this.#socket = socket;
    this.#authority = authority;
    // No header table, so that nothing has to be remembered; windows that never close.
    const settings = Buffer.alloc(18);
    settings.writeUInt16BE(1, 0);
    settings.writeUInt16BE(2, 6);
    settings.writeUInt16BE(4, 12);
    settings.writeUInt32BE(WINDOW_BYTES, 14);
    this.#send(Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'));
    this.#send(frame(SETTINGS, 0, 0, settings));
    this.#grant();
    socket.on('data', (bytes) => this.#receive(bytes));
    socket.on('close', () => this.#failAll());
    socket.on('error', () => this.#failAll());
  }

  /** `done` gets the response message, or undefined when the call failed. */
  call(path: string, request: Buffer, done: (response: Buffer | undefined) => void): void {
    const id = this.#nextStream;
    this.#nextStream += 2;
    if (id > STREAM_ID_MAX || this.#socket.destroyed) return setImmediate(done, undefined) && undefined;
    this.#calls.set(id, { message: undefined, done });
    const head = this.#head(path);
    const bytes = Buffer.allocUnsafe(head.length + FRAME_HEAD + MESSAGE_HEAD + request.length);
    head.copy(bytes);
    bytes.writeUInt32BE(id, 5);
    const at = head.length;
    bytes.writeUIntBE(MESSAGE_HEAD + request.length, at, 3);
    bytes[at + 3] = DATA;
    bytes[at + 4] = END_STREAM;
    bytes.writeUInt32BE(id, at + 5);
    bytes[at + FRAME_HEAD] = 0;
    bytes.writeUInt32BE(request.length, at + FRAME_HEAD + 1);
    request.copy(bytes, at + FRAME_HEAD + MESSAGE_HEAD);
    this.#waiting.push(bytes);
    this.#pump();
  }

  close(): void {
    this.#socket.destroy();
  }

  #head(path: string): Buffer {
    let head = this.#heads.get(path);
    if (head === undefined) {
      const text = (value: string): Buffer => Buffer.concat([Buffer.of(value.length), Buffer.from(value)]);
      const block = Buffer.concat([
        ...[Buffer.of(0x83, 0x86, 0x04), text(path), Buffer.of(0x01), text(this.#authority)],
        ...[Buffer.of(0x0f, 0x10), text('application/grpc'), Buffer.of(0x00), text('te'), text('trailers')],
      ]);
      head = frame(HEADERS, END_HEADERS, 0, block);
      this.#heads.set(path, head);
    }
    return head;
  }

  /** Sends what the window lets through. Only data counts against it. */
  #pump(): void {
    for (let first = this.#waiting[0]; first !== undefined; first = this.#waiting[0]) {
      const headLength = FRAME_HEAD + first.readUIntBE(0, 3);
      const data = first.length - headLength - FRAME_HEAD;
      if (data > this.#window) return;
      this.#window -= data;
      this.#waiting.shift();
      this.#send(first);
    }
  }

  #send(bytes: Buffer): void {
    this.#out.push(bytes);
    if (this.#isFlushing) return;
    this.#isFlushing = true;
    setImmediate(() => {
      this.#isFlushing = false;
      const out = this.#out;
      this.#out = [];
      if (!this.#socket.destroyed) this.#socket.write(Buffer.concat(out));
    });
  }

  #receive(bytes: Buffer): void {
    let all = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    while (all.length >= FRAME_HEAD) {
      const end = FRAME_HEAD + all.readUIntBE(0, 3);
      if (all.length < end) break;
      this.#frame(all[3]!, all[4]!, all.readUInt32BE(5), all.subarray(FRAME_HEAD, end));
      all = all.subarray(end);
    }
    this.#rest = all;
  }

  #frame(type: number, flags: number, id: number, payload: Buffer): void {
    if (type === SETTINGS && (flags & ACK) === 0) this.#send(frame(SETTINGS, ACK, 0, Buffer.alloc(0)));
    else if (type === PING && (flags & ACK) === 0) this.#send(frame(PING, ACK, 0, payload));
    else if (type === WINDOW_UPDATE && id === 0) {
      this.#window += payload.readUInt32BE(0);
      this.#pump();
    } else if (type === GOAWAY) this.#socket.destroy();
    else if (type === DATA) this.#data(flags, id, payload);
    const isLast = type === RST_STREAM || ((type === HEADERS || type === DATA) && (flags & END_STREAM) !== 0);
    if (isLast) this.#end(id);
  }

  #data(flags: number, id: number, payload: Buffer): void {
    this.#received += payload.length;
    if (this.#received > WINDOW_BYTES / 2) this.#grant();
    const call = this.#calls.get(id);
    if (call === undefined) return;
    const bytes = (flags & PADDED) === 0 ? payload : payload.subarray(1, payload.length - payload[0]!);
    call.message = call.message === undefined ? Buffer.from(bytes) : Buffer.concat([call.message, bytes]);
  }

  #grant(): void {
    const increment = Buffer.alloc(4);
    increment.writeUInt32BE(this.#received === 0 ? WINDOW_BYTES : this.#received);
    this.#received = 0;
    this.#send(frame(WINDOW_UPDATE, 0, 0, increment));
  }

  #end(id: number): void {
    const call = this.#calls.get(id);
    this.#calls.delete(id);
    call?.done(call.message?.subarray(MESSAGE_HEAD));
  }

  #failAll(): void {
    for (const id of [...this.#calls.keys()]) this.#end(id);
  }
}

function frame(type: number, flags: number, id: number, payload: Buffer): Buffer {
  const bytes = Buffer.alloc(FRAME_HEAD + payload.length);
  bytes.writeUIntBE(payload.length, 0, 3);
  bytes[3] = type;
  bytes[4] = flags;
  bytes.writeUInt32BE(id, 5);
  payload.copy(bytes, FRAME_HEAD);
  return bytes;
}
