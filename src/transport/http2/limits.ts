/** What one connection may do. Reaching a limit has a defined answer, given with each. */
export interface Http2Limits {
  /** Requests at a time; announced. Above: RST_STREAM with REFUSED_STREAM. */
  readonly streamsMax: number;
  /** Header list as RFC 9113, 6.5.2 counts it; announced. Above: status 431. */
  readonly headerListBytesMax: number;
  /** Headers of all requests that are open, as they are kept. Above: RST_STREAM with REFUSED_STREAM. */
  readonly openHeaderBytesMax: number;
  /** Header block as it is sent. Above, or with more CONTINUATION frames: GOAWAY with ENHANCE_YOUR_CALM. */
  readonly headerBlockBytesMax: number;
  readonly continuationsMax: number;
  /** What a client may send on one stream before it was consumed, at least 65,535. Above: FLOW_CONTROL_ERROR. */
  readonly streamWindowBytes: number;
  /** The same of all streams together. */
  readonly connectionWindowBytes: number;
  /** What may wait in one stream before `write` says false; `drained` comes at half of it. */
  readonly streamQueueBytesMax: number;
  /**
   * What may wait in all streams together before `write` says false to a stream as soon as a 64th part of what it may
   * else hold waits in it.
   */
  readonly connectionQueueBytesMax: number;
  /** What may be handed to the socket and not be taken by the system before response bodies wait. */
  readonly pacedBytesMax: number;
  /** What is cut from response bodies that wait, on all connections together, in one turn of the event loop. */
  readonly turnBytesMax: number;
  /** What may be handed to the socket and not be taken by the system before no more is read from the connection. */
  readonly unsentBytesMax: number;
  /** A response that waits, or a socket that takes nothing, for longer: RST_STREAM with CANCEL, or the end. */
  readonly stallMsMax: number;
  /** Time to send the preface and the first SETTINGS. Above: closed. */
  readonly handshakeMsMax: number;
  /** Time to complete a frame or a header block that was begun. Above: GOAWAY with ENHANCE_YOUR_CALM. */
  readonly frameMsMax: number;
  /** Idle time after which the server pings, and how long it waits for a sign of life before it closes. */
  readonly keepaliveMs: number;
  readonly keepaliveTimeoutMs: number;
  /** A client that pings more often gets GOAWAY `too_many_pings` by the rule of gRPC for Go. 0: no rule. */
  readonly pingIntervalMsMin: number;
  /** Pings without a stream count as often ones, as in etcd. */
  readonly pingWithoutStream: boolean;
  /** Time between saying goodbye and closing, for the client to read it. */
  readonly closeMsMax: number;
  readonly floods: FloodLimits;
}

/**
 * How many frames of a kind that bring no request forward a connection may send at once (`burst`), and how many more
 * each second. Above: GOAWAY with ENHANCE_YOUR_CALM.
 */
export interface FloodLimit {
  readonly burst: number;
  readonly perSecond: number;
}

export interface FloodLimits {
  readonly settings: FloodLimit;
  readonly pings: FloodLimit;
  /** PRIORITY, and frames of unknown types. */
  readonly ignored: FloodLimit;
  /** Each DATA frame that is sent allows two more. */
  readonly windowUpdates: FloodLimit;
  /** DATA without content that does not end the stream. */
  readonly emptyData: FloodLimit;
  /** Streams that the client resets, or makes the server reset. Each answered request allows another. */
  readonly resets: FloodLimit;
}

export const defaultHttp2Limits: Http2Limits = {
  streamsMax: 16_384,
  headerListBytesMax: 16 * 1024,
  openHeaderBytesMax: 32 * 1024 * 1024,
  headerBlockBytesMax: 32 * 1024,
  continuationsMax: 64,
  streamWindowBytes: 256 * 1024,
  connectionWindowBytes: 1024 * 1024,
  streamQueueBytesMax: 1024 * 1024,
  connectionQueueBytesMax: 32 * 1024 * 1024,
  pacedBytesMax: 256 * 1024,
  turnBytesMax: 512 * 1024,
  unsentBytesMax: 1024 * 1024,
  stallMsMax: 60_000,
  handshakeMsMax: 10_000,
  frameMsMax: 30_000,
  keepaliveMs: 2 * 3600 * 1000,
  keepaliveTimeoutMs: 20_000,
  pingIntervalMsMin: 5_000,
  pingWithoutStream: false,
  closeMsMax: 2_000,
  floods: {
    settings: { burst: 100, perSecond: 10 },
    pings: { burst: 10_000, perSecond: 1_000 },
    ignored: { burst: 1_000, perSecond: 100 },
    windowUpdates: { burst: 1_000, perSecond: 100 },
    emptyData: { burst: 100, perSecond: 10 },
    resets: { burst: 1_000, perSecond: 100 },
  },
};
