/** Bounds of the log room, with their defaults. */
export interface LogLimits {
  /** A group is closed once it holds so many bytes of entries. One larger proposal still is one group. */
  readonly groupBytesMax: number;
  /** A waiter whose group is not settled after so long is told `timed-out`: etcd's 7 s. */
  readonly requestTimeoutMs: number;
  /** An uncertain commit is sent again after a delay that doubles from `retryDelayMs` up to this. */
  readonly retryDelayMsMax: number;
  readonly retryDelayMs: number;
  /** A cleaning commit lets at most so many client groups go first. */
  readonly cleaningPassedMax: number;
}

export const LOG_LIMITS: LogLimits = {
  groupBytesMax: 4 * 1024 * 1024,
  requestTimeoutMs: 7000,
  retryDelayMsMax: 1000,
  retryDelayMs: 5,
  cleaningPassedMax: 8,
};
