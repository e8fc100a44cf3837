const HEADER_TAG = 0x0a;
const CREATED_TAG = 0x18;
const CANCELED_TAG = 0x20;
/** `cancel_reason`. */
const REASON_TAG = 0x32;
const EVENTS_TAG = 0x5a;
const EVENT_KV_TAG = 0x12;
const KV_KEY_TAG = 0x0a;
const KV_MOD_REVISION_TAG = 0x18;
const KV_VALUE_TAG = 0x2a;

/** Who hears of what a WatchResponse holds. */
export interface WatchEvents {
  watcherCreated(): void;
  canceled(): void;
  /** A response has so many events, of which those that are looked into follow. */
  arrived(events: number): void;
  /** A put. */
  event(bytes: Buffer, put: WatchedPut): void;
}

/** Where the key and the value lie. Reused for the next event. */
export interface WatchedPut {
  revision: number;
  readonly key: Place;
  readonly value: Place;
}

export interface Place {
  start: number;
  end: number;
}

/**
 * Reads WatchResponses: two million events a second are read beside the server, so all are counted by leaping from one to
 * the next, and only those of every so many-th response are looked into.
 */
export class WatchResponseReader {
  readonly #events: WatchEvents;
  readonly #sampling: number;
  readonly #put: WatchedPut = { revision: 0, key: { start: 0, end: 0 }, value: { start: 0, end: 0 } };
  #untilSample = 1;

  /** Of `sampling` responses with events one is looked into. */
  constructor(events: WatchEvents, sampling: number) {
    this.#events = events;
    this.#sampling = sampling;
  }

  /** One message, from `start` to `end`. */
  read(bytes: Buffer, start: number, end: number): void {
    let at = start;
    let events = 0;
    let first = 0;
    while (at < end) {
      const tag = bytes[at++]!;
      const value = varintAt(bytes, at);
      if (tag === EVENTS_TAG && events++ === 0) first = at - 1;
      at = behindVarint(bytes, at);
      if (tag === EVENTS_TAG || tag === HEADER_TAG || tag === REASON_TAG) at += value;
      else if (tag === CREATED_TAG && value === 1) this.#events.watcherCreated();
      else if (tag === CANCELED_TAG && value === 1) this.#events.canceled();
    }
    if (at > end) throw new RangeError('A field is longer than its message');
    if (events === 0) return;
    this.#events.arrived(events);
    if (--this.#untilSample > 0) return;
    this.#untilSample = this.#sampling;
    this.#lookInto(bytes, first, end);
  }

  /** Events are the last field, so that nothing is between them. */
  #lookInto(bytes: Buffer, start: number, end: number): void {
    for (let at = start; at < end;) {
      if (bytes[at] !== EVENTS_TAG) throw new RangeError('A field that is no event follows events');
      const content = behindVarint(bytes, at + 1);
      const next = content + varintAt(bytes, at + 1);
      this.#event(bytes, content, next);
      at = next;
    }
  }

  /** An Event: its type, which is not sent for a put, then its KeyValue. */
  #event(bytes: Buffer, start: number, end: number): void {
    if (bytes[start] !== EVENT_KV_TAG) throw new RangeError('An event is not a put');
    let at = behindVarint(bytes, start + 1);
    const { key, value } = this.#put;
    this.#put.revision = 0;
    key.start = key.end = value.start = value.end = at;
    while (at < end) {
      const tag = bytes[at++]!;
      const number = varintAt(bytes, at);
      at = behindVarint(bytes, at);
      if (tag === KV_MOD_REVISION_TAG) this.#put.revision = number;
      if (tag !== KV_KEY_TAG && tag !== KV_VALUE_TAG) continue;
      const place = tag === KV_KEY_TAG ? key : value;
      place.start = at;
      at = place.end = at + number;
    }
    this.#events.event(bytes, this.#put);
  }
}

function behindVarint(bytes: Buffer, start: number): number {
  let at = start;
  while (bytes[at]! >= 0x80) at++;
  return at + 1;
}

function varintAt(bytes: Buffer, start: number): number {
  const first = bytes[start]!;
  if (first < 0x80) return first;
  const second = bytes[start + 1]!;
  if (second < 0x80) return (first & 0x7f) | (second << 7);
  let value = 0;
  let scale = 1;
  let at = start;
  for (; bytes[at]! >= 0x80; at++) {
    value += (bytes[at]! & 0x7f) * scale;
    scale *= 0x80;
  }
  return value + bytes[at]! * scale;
}
