import type { StoreError } from './errors.ts';
import type { RangeSink, RangeStream } from './results.ts';

/** A streamed range that begins once it may be judged. */
export class GatedStream implements RangeStream {
  #stream: RangeStream | undefined;
  #isCancelled = false;

  /** `begin` opens the stream, or refuses it. */
  constructor(
    sink: RangeSink,
    begin: (open: (stream: RangeStream) => void, refuse: (error: StoreError | undefined) => void) => void,
  ) {
    begin(
      (stream) => {
        this.#stream = stream;
        if (this.#isCancelled) stream.cancel();
      },
      (error) => {
        if (!this.#isCancelled) sink.end(error, { revision: 0, count: 0, more: false });
      },
    );
  }

  resume(): void {
    this.#stream?.resume();
  }

  cancel(): void {
    this.#isCancelled = true;
    this.#stream?.cancel();
  }
}
