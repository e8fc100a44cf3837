import { ErrorCode } from './error-code.ts';
import { ConnectionViolation } from './violation.ts';

/** Pings that come too early before the connection is closed. */
const STRIKES_MAX = 2;
/** The interval when there is no stream and pings are not meant to be sent then. */
const IDLE_INTERVAL_MS = 2 * 3600 * 1000;

/**
 * gRPC for Go's enforcement of keep-alive (internal/transport/http2_server.go, handlePing), which etcd runs with an
 * interval of five seconds: pings that come too early are counted, and the third one in a row without an answer sent in
 * between ends the connection with ENHANCE_YOUR_CALM and `too_many_pings`, words that clients know.
 */
export class PingPolicy {
  readonly #intervalMsMin: number;
  readonly #withoutStream: boolean;
  #lastMs = Number.NEGATIVE_INFINITY;
  #strikes = 0;

  /** With an interval of 0 there is no rule. */
  constructor(intervalMsMin: number, withoutStream: boolean) {
    this.#intervalMsMin = intervalMsMin;
    this.#withoutStream = withoutStream;
  }

  /** A ping has come. `hasAnswered`: headers or data were sent since the last one. */
  ping(nowMs: number, hasStreams: boolean, hasAnswered: boolean): void {
    if (this.#intervalMsMin === 0) return;
    const sinceMs = nowMs - this.#lastMs;
    this.#lastMs = nowMs;
    if (hasAnswered) {
      this.#strikes = 0;
      return;
    }
    const intervalMs = hasStreams || this.#withoutStream ? this.#intervalMsMin : IDLE_INTERVAL_MS;
    if (sinceMs < intervalMs) this.#strikes++;
    if (this.#strikes > STRIKES_MAX) {
      throw new ConnectionViolation(ErrorCode.enhanceYourCalm, 'too_many_pings');
    }
  }
}
