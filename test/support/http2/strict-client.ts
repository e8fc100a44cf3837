import { Flag, FrameType, type Frame } from '../frames.ts';

/** What a strict client knows of one of its streams. */
export class ClientStream {
  readonly id: number;
  /** What the server may send. */
  window: number;
  body: Buffer[] = [];
  hasHeaders = false;
  hasTrailers = false;
  /** END_STREAM has come. */
  isEnded = false;
  resetCode: number | undefined;
  /** The client has reset it. */
  isReset = false;

  constructor(id: number, window: number) {
    this.id = id;
    this.window = window;
  }

  get text(): string {
    return Buffer.concat(this.body).toString('latin1');
  }
}

/** The client's side of a connection, which throws when the server breaks a rule of RFC 9113. */
export class StrictClient {
  window = 65_535;
  initialWindow = 65_535;
  readonly streams = new Map<number, ClientStream>();
  goAwayCode: number | undefined;
  pongs = 0;
  /** What the client may send, on the connection; streams are asked one by one. */
  sendWindow = 65_535;
  readonly streamSendWindows = new Map<number, number>();
  readonly #unacknowledged: (number | undefined)[] = [];

  open(id: number): ClientStream {
    const stream = new ClientStream(id, this.initialWindow);
    this.streams.set(id, stream);
    return stream;
  }

  /** The client has sent a new initial window. It counts from the acknowledgement on: RFC 9113, section 6.5.3. */
  changeInitialWindow(bytes: number | undefined): void {
    this.#unacknowledged.push(bytes);
  }

  #acknowledged(): void {
    const bytes = this.#unacknowledged.shift();
    if (bytes === undefined) return;
    for (const stream of this.streams.values()) stream.window += bytes - this.initialWindow;
    this.initialWindow = bytes;
  }

  receive(frames: readonly Frame[]): void {
    for (const one of frames) this.#frame(one);
  }

  #frame({ type, flags, id, payload }: Frame): void {
    if (payload.length > 16_384) throw new Error('frame too large');
    if (id === 0) {
      this.#connectionFrame(type, flags, payload);
      return;
    }
    const stream = this.streams.get(id);
    if (stream === undefined) throw new Error(`frame ${type} for stream ${id}, which was never opened`);
    if (stream.resetCode !== undefined) throw new Error(`frame ${type} after RST_STREAM on ${id}`);
    if (type === FrameType.reset) stream.resetCode = payload.readUInt32BE(0);
    else if (type === FrameType.windowUpdate) {
      this.streamSendWindows.set(id, (this.streamSendWindows.get(id) ?? 0) + payload.readUInt32BE(0));
    } else this.#answerFrame(stream, type, flags, payload);
  }

  #connectionFrame(type: number, flags: number, payload: Buffer): void {
    if (type === FrameType.goAway) this.goAwayCode = payload.readUInt32BE(4);
    else if (type === FrameType.windowUpdate) this.sendWindow += payload.readUInt32BE(0);
    else if (type === FrameType.ping && flags === Flag.ack) this.pongs++;
    else if (type === FrameType.settings && flags === Flag.ack) this.#acknowledged();
    else if (type !== FrameType.settings) throw new Error(`frame ${type} on stream 0`);
  }

  #answerFrame(stream: ClientStream, type: number, flags: number, payload: Buffer): void {
    if (stream.isEnded) throw new Error(`frame ${type} after END_STREAM on ${stream.id}`);
    if (type === FrameType.headers) {
      if ((flags & Flag.endHeaders) === 0) throw new Error('header block in pieces');
      if (stream.hasHeaders) stream.hasTrailers = true;
      stream.hasHeaders = true;
    } else if (type === FrameType.data) {
      if (!stream.hasHeaders || stream.hasTrailers) throw new Error('DATA outside of the body');
      stream.window -= payload.length;
      this.window -= payload.length;
      if (payload.length > 0 && stream.window < 0) throw new Error(`DATA beyond the window of ${stream.id}`);
      if (payload.length > 0 && this.window < 0) throw new Error('DATA beyond the window of the connection');
      stream.body.push(Buffer.from(payload));
    } else throw new Error(`frame ${type} in an answer`);
    stream.isEnded = (flags & Flag.endStream) !== 0;
  }
}
