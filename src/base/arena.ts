/**
 * Where encoded bytes are put so that they need not move again: the index's segments, seen from rooms that must not know
 * the index. A place is a run of bytes inside one segment.
 */
export interface Arena {
  /**
   * Reserves `length` bytes in one piece. The result is valid until the next call: `segment` and `offset` name the place
   * for as long as the arena holds it, `bytes` is the whole segment (index it from `offset`).
   */
  reserve(length: number): Place;
  /** How many more bytes fit behind the last place without a new segment being started. */
  room(): number;
  /** The whole bytes of a segment. */
  bytes(segment: number): Buffer;
}

export interface Place {
  readonly segment: number;
  readonly offset: number;
  readonly bytes: Buffer;
}
