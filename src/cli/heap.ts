import { setFlagsFromString } from 'node:v8';

/** A full collection is due when as much again, times this, has come to what the last one left. */
const GROWTH = 3;

/**
 * Lets the heap grow further between two full collections than V8 would by itself. V8 goes by the size of the JavaScript
 * heap and counts the bytes of Buffers as growth. Here the heap is some 10 MiB however much is stored and the Buffers
 * are the store, so that every 5 MiB of new chunks would be a full collection: with its threads, two fifths of the CPU
 * time of durable puts (512-byte values, 256 writers). Collections at rest are not affected: a server that has been busy
 * gives garbage back as soon as it would otherwise.
 */
export function letHeapGrow(): void {
  setFlagsFromString(`--heap-growing-percent=${GROWTH * 100}`);
}
