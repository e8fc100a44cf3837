import type { Clock } from '../../base/index.ts';
import { ErrorCode } from './error-code.ts';
import {
  FLAG_ACK,
  FRAME_BYTES_MAX,
  readUint32,
  SETTINGS_ENABLE_PUSH,
  SETTINGS_HEADER_TABLE_SIZE,
  SETTINGS_INITIAL_WINDOW_SIZE,
  SETTINGS_MAX_FRAME_SIZE,
  WINDOW_BYTES_MAX,
} from './frame.ts';
import { PingPolicy } from './ping-policy.ts';
import type { Session } from './session.ts';
import { ConnectionViolation, frameSizeError, protocolError } from './violation.ts';

/** Largest value of SETTINGS_MAX_FRAME_SIZE. */
const FRAME_BYTES_MAX_MAX = 2 ** 24 - 1;
/** The size of a header table at the start. */
const TABLE_BYTES_INITIAL = 4096;
const SETTING_BYTES = 6;

/**
 * Reads the frames that are not about one request: SETTINGS, PING, WINDOW_UPDATE, PRIORITY, GOAWAY and those of unknown
 * types. Throws ConnectionViolation.
 */
export class ControlReader {
  readonly #session: Session;
  readonly #clock: Clock;
  readonly #pings: PingPolicy;
  readonly #onPong: (data: number) => void;

  /** `onPong` runs with the first four bytes of a ping of ours that comes back. */
  constructor(session: Session, onPong: (data: number) => void) {
    const { clock, limits } = session.environment;
    this.#session = session;
    this.#clock = clock;
    this.#pings = new PingPolicy(limits.pingIntervalMsMin, limits.pingWithoutStream);
    this.#onPong = onPong;
  }

  settings(flags: number, id: number, chunk: Buffer, start: number, end: number): void {
    if (id !== 0) throw protocolError('SETTINGS on a stream');
    this.#session.floods.settings(this.#session.environment.second);
    if ((flags & FLAG_ACK) !== 0) {
      if (end !== start) throw frameSizeError('SETTINGS acknowledgement with content');
      return;
    }
    if ((end - start) % SETTING_BYTES !== 0) throw frameSizeError('SETTINGS of a wrong size');
    let window = -1;
    for (let at = start; at < end; at += SETTING_BYTES) {
      const key = (chunk[at]! << 8) | chunk[at + 1]!;
      const value = readUint32(chunk, at + 2);
      checkSetting(key, value);
      if (key === SETTINGS_INITIAL_WINDOW_SIZE) window = value;
      if (key === SETTINGS_HEADER_TABLE_SIZE && value < TABLE_BYTES_INITIAL)
        this.#session.sender.frames.isTableOffDue = true;
    }
    // Only the last one counts, so that a frame full of them costs no more than one.
    if (window >= 0) this.#initialWindow(window);
    this.#session.sender.frames.settingsAck();
  }

  ping(flags: number, id: number, chunk: Buffer, start: number, end: number): void {
    if (id !== 0) throw protocolError('PING on a stream');
    if (end - start !== 8) throw frameSizeError('PING of a wrong size');
    const session = this.#session;
    session.floods.ping(session.environment.second);
    if ((flags & FLAG_ACK) !== 0) {
      this.#onPong(readUint32(chunk, start));
      return;
    }
    const sender = session.sender;
    sender.frames.ping(chunk, start, true);
    const hasAnswered = sender.frames.hasAnswered;
    sender.frames.hasAnswered = false;
    this.#pings.ping(this.#clock.nowMs(), session.streams.size > 0, hasAnswered);
  }

  windowUpdate(id: number, chunk: Buffer, start: number, end: number): void {
    if (end - start !== 4) throw frameSizeError('WINDOW_UPDATE of a wrong size');
    const session = this.#session;
    session.floods.windowUpdate(session.environment.second);
    const increment = readUint32(chunk, start) & 0x7fff_ffff;
    if (id === 0) {
      if (increment === 0) throw protocolError('WINDOW_UPDATE of nothing');
      const { sender } = session;
      sender.turns.window += increment;
      if (sender.turns.window > WINDOW_BYTES_MAX) throw windowOverflow();
      sender.touch();
      return;
    }
    const stream = session.streams.get(id);
    if (stream === undefined) {
      if ((id & 1) === 0 || id > session.lastId) throw protocolError('WINDOW_UPDATE on an idle stream');
      return;
    }
    stream.sendWindow += increment;
    if (increment === 0) session.streamError(stream, ErrorCode.protocolError);
    else if (stream.sendWindow > WINDOW_BYTES_MAX) session.streamError(stream, ErrorCode.flowControlError);
    else session.sender.turns.ready(stream);
  }

  /** Priorities are deprecated, and ignored: RFC 9113, section 5.3.2. Nonsense still ends a stream. */
  priority(id: number, chunk: Buffer, start: number, end: number): void {
    if (id === 0) throw protocolError('PRIORITY without a stream');
    const session = this.#session;
    session.floods.ignored(session.environment.second);
    const isWrongSize = end - start !== 5;
    if (!isWrongSize && (readUint32(chunk, start) & 0x7fff_ffff) !== id) return;
    const code = isWrongSize ? ErrorCode.frameSizeError : ErrorCode.protocolError;
    const stream = session.streams.get(id);
    // A stream that is not open cannot be reset.
    if (stream === undefined) throw new ConnectionViolation(code, 'bad PRIORITY');
    session.streamError(stream, code);
  }

  /** The client opens no stream that we might begin; we begin none. */
  goAway(id: number, start: number, end: number): void {
    if (id !== 0) throw protocolError('GOAWAY on a stream');
    if (end - start < 8) throw frameSizeError('GOAWAY of a wrong size');
    this.ignored();
  }

  ignored(): void {
    this.#session.floods.ignored(this.#session.environment.second);
  }

  /** Windows of open streams change by the difference, and may become negative: RFC 9113, section 6.9.2. */
  #initialWindow(bytes: number): void {
    const { turns } = this.#session.sender;
    const change = bytes - turns.initialWindow;
    if (change === 0) return;
    turns.initialWindow = bytes;
    for (const stream of this.#session.streams.all()) {
      stream.sendWindow += change;
      if (stream.sendWindow > WINDOW_BYTES_MAX) throw windowOverflow();
      if (change > 0) turns.ready(stream);
    }
  }
}

/** RFC 9113, section 6.5.2. */
function checkSetting(key: number, value: number): void {
  if (key === SETTINGS_ENABLE_PUSH && value > 1) throw protocolError('bad SETTINGS_ENABLE_PUSH');
  if (key === SETTINGS_INITIAL_WINDOW_SIZE && value > WINDOW_BYTES_MAX) {
    throw new ConnectionViolation(ErrorCode.flowControlError, 'bad SETTINGS_INITIAL_WINDOW_SIZE');
  }
  if (key === SETTINGS_MAX_FRAME_SIZE && (value < FRAME_BYTES_MAX || value > FRAME_BYTES_MAX_MAX)) {
    throw protocolError('bad SETTINGS_MAX_FRAME_SIZE');
  }
}

function windowOverflow(): ConnectionViolation {
  return new ConnectionViolation(ErrorCode.flowControlError, 'window too large');
}
