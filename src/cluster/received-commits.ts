import type { PeerChunk } from '../wire/peer-message.ts';

/** Commits that were taken from the front leave the array once there are so many, and at least as many as are left. */
const TAKEN_MIN = 1024;

/** Whole commits that were pushed and are not applied, in the order in which they came. */
export class ReceivedCommits {
  #commits: (readonly PeerChunk[])[] = [];
  #taken = 0;
  #bytes = 0;

  get bytes(): number {
    return this.#bytes;
  }

  get first(): readonly PeerChunk[] | undefined {
    return this.#commits[this.#taken];
  }

  push(chunks: readonly PeerChunk[]): void {
    this.#commits.push(chunks);
    this.#bytes += bytesOf(chunks);
  }

  /** Takes the first one out, if there is one. */
  shift(): void {
    const { first } = this;
    if (first === undefined) return;
    this.#bytes -= bytesOf(first);
    this.#commits[this.#taken++] = [];
    if (this.#taken < TAKEN_MIN || this.#taken * 2 < this.#commits.length) return;
    this.#commits = this.#commits.slice(this.#taken);
    this.#taken = 0;
  }

  clear(): void {
    this.#commits = [];
    this.#taken = this.#bytes = 0;
  }
}

export function bytesOf(chunks: readonly PeerChunk[]): number {
  let bytes = 0;
  for (const chunk of chunks) bytes += chunk.bytes.length;
  return bytes;
}
