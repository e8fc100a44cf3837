import type { Arena, Place } from '../base/index.ts';
import { assert } from '../base/index.ts';

/** Bytes of an ordinary segment, if nothing else is said; one that must hold something bigger is as big as that. */
export const SEGMENT_BYTES = 1 << 20;

/** The directory is in pages, so that the numbers of dropped segments cost (almost) nothing: 1 GiB written each. */
const PAGE_SHIFT = 10;
const PAGE_SIZE = 1 << PAGE_SHIFT;
const PAGE_MASK = PAGE_SIZE - 1;

interface Page {
  readonly buffers: (Buffer | undefined)[];
  readonly size: Float64Array;
  /** Bytes of the bodies in the segment that existing versions refer to. */
  readonly used: Float64Array;
  /** 1: is being emptied. */
  readonly victim: Uint8Array;
  present: number;
}

/**
 * The memory that committed and proposed bytes live in: Buffers of 1 MiB outside Node's pool. Bytes never change once
 * written, and a slice that was handed out keeps its Buffer alive also after the segment has been dropped. Numbers of
 * segments rise and are never used again, so that a stale one fails and never reads other bytes.
 *
 * Two segments are being filled at a time: one through `reserve` (the log's chunks, which must be in one piece), one
 * with the bodies that are moved out of segments that have become mostly empty.
 */
export class Segments implements Arena {
  /** Bytes of an ordinary segment. */
  readonly segmentBytes: number;
  /** A moved body from this size on gets a segment of its own, so that a filled one is never left mostly empty. */
  readonly #ownSegmentBytesMin: number;
  readonly #pages: (Page | undefined)[] = [];
  #next = 0;
  #bytesTotal = 0;
  #droppedBytes = 0;
  #current = -1;
  #currentUsed = 0;
  #survivor = -1;
  #survivorUsed = 0;
  readonly #place = { segment: 0, offset: 0, bytes: Buffer.allocUnsafeSlow(0) as Buffer };
  /** Where `move` has put the bytes. */
  movedSegment = 0;
  movedOffset = 0;

  constructor(segmentBytes = SEGMENT_BYTES) {
    this.segmentBytes = segmentBytes;
    this.#ownSegmentBytesMin = segmentBytes >>> 2;
  }

  /** Bytes of all segments together. */
  get bytesTotal(): number {
    return this.#bytesTotal;
  }

  /** Bytes of all segments that were ever dropped: slices of them that were handed out keep them in memory. */
  get droppedBytes(): number {
    return this.#droppedBytes;
  }

  /** All segments have lower numbers. */
  get end(): number {
    return this.#next;
  }

  /** Arena: `length` bytes in one piece, right behind the last reserved ones when they fit (`room()`). */
  reserve(length: number): Place {
    if (this.#current < 0 || this.#currentUsed + length > this.bytes(this.#current).length) {
      this.#current = this.#allocate(Math.max(length, this.segmentBytes));
      this.#currentUsed = 0;
    }
    const offset = this.#currentUsed;
    this.#currentUsed += length;
    this.#place.segment = this.#current;
    this.#place.offset = offset;
    this.#place.bytes = this.bytes(this.#current);
    return this.#place;
  }

  room(): number {
    return this.#current < 0 ? 0 : this.bytes(this.#current).length - this.#currentUsed;
  }

  bytes(segment: number): Buffer {
    return this.#pages[segment >>> PAGE_SHIFT]!.buffers[segment & PAGE_MASK]!;
  }

  /** Bytes of a segment, filled or not; 0 when it has been dropped. */
  size(segment: number): number {
    return this.#pages[segment >>> PAGE_SHIFT]?.size[segment & PAGE_MASK] ?? 0;
  }

  /** Bytes of a segment that existing versions refer to. */
  used(segment: number): number {
    return this.#pages[segment >>> PAGE_SHIFT]!.used[segment & PAGE_MASK]!;
  }

  /** A version refers to `length` more bytes of the segment (negative: no longer does). */
  use(segment: number, length: number): void {
    const used = this.#pages[segment >>> PAGE_SHIFT]!.used;
    used[segment & PAGE_MASK] = used[segment & PAGE_MASK]! + length;
  }

  /** Whether more may still be put into this segment. */
  isOpen(segment: number): boolean {
    return segment === this.#current || segment === this.#survivor;
  }

  /** Whether the segment is being emptied. */
  isVictim(segment: number): boolean {
    return this.#pages[segment >>> PAGE_SHIFT]!.victim[segment & PAGE_MASK] === 1;
  }

  setVictim(segment: number): void {
    this.#pages[segment >>> PAGE_SHIFT]!.victim[segment & PAGE_MASK] = 1;
  }

  /** Copies bytes to where moved bodies go; the new place is (`movedSegment`, `movedOffset`). */
  move(segment: number, offset: number, length: number): void {
    let target: number;
    if (length >= this.#ownSegmentBytesMin) {
      target = this.#allocate(length);
      this.movedOffset = 0;
    } else {
      if (this.#survivor < 0 || this.#survivorUsed + length > this.segmentBytes) {
        this.#survivor = this.#allocate(this.segmentBytes);
        this.#survivorUsed = 0;
      }
      target = this.#survivor;
      this.movedOffset = this.#survivorUsed;
      this.#survivorUsed += length;
    }
    this.movedSegment = target;
    this.bytes(segment).copy(this.bytes(target), this.movedOffset, offset, offset + length);
    this.use(segment, -length);
    this.use(target, length);
  }

  /** Forgets a segment that no version refers to. */
  drop(segment: number): void {
    const page = this.#pages[segment >>> PAGE_SHIFT]!;
    assert(page.used[segment & PAGE_MASK] === 0, 'a dropped segment is not referred to');
    assert(!this.isOpen(segment), 'a dropped segment is not being filled');
    this.#bytesTotal -= this.bytes(segment).length;
    this.#droppedBytes += this.bytes(segment).length;
    page.buffers[segment & PAGE_MASK] = undefined;
    page.size[segment & PAGE_MASK] = 0;
    page.present--;
    const isPageFull = (this.#next - 1) >>> PAGE_SHIFT > segment >>> PAGE_SHIFT;
    if (page.present === 0 && isPageFull) this.#pages[segment >>> PAGE_SHIFT] = undefined;
  }

  /** The first segment with this number or a higher one; `end` when there is none. */
  nextFrom(segment: number): number {
    while (segment < this.#next && this.size(segment) === 0) {
      segment = this.#pages[segment >>> PAGE_SHIFT] === undefined ? (segment | PAGE_MASK) + 1 : segment + 1;
    }
    return Math.min(segment, this.#next);
  }

  #allocate(length: number): number {
    const segment = this.#next++;
    const page = (this.#pages[segment >>> PAGE_SHIFT] ??= {
      buffers: new Array<Buffer | undefined>(PAGE_SIZE).fill(undefined),
      size: new Float64Array(PAGE_SIZE),
      used: new Float64Array(PAGE_SIZE),
      victim: new Uint8Array(PAGE_SIZE),
      present: 0,
    });
    page.buffers[segment & PAGE_MASK] = Buffer.allocUnsafeSlow(length);
    page.size[segment & PAGE_MASK] = length;
    page.present++;
    this.#bytesTotal += length;
    return segment;
  }
}
