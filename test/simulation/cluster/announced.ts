import type { PeerMessage } from '../../../src/wire/peer-message.ts';
import type { Oracle } from '../oracle.ts';

/**
 * What leaders have said is committed: to others, or by showing it themselves. Nobody may show anything else, however it is
 * read; and who announces leads.
 */
export class Announced {
  readonly #oracle: Oracle;
  /** Clocks are to be trusted: then nobody announces once another epoch has begun. */
  readonly #byLease: boolean;
  #sequence = 0;

  constructor(oracle: Oracle, options: { readonly byLease: boolean }) {
    this.#oracle = oracle;
    this.#byLease = options.byLease;
  }

  sent(owner: string, message: PeerMessage): void {
    const sequence = announcedBy(message);
    if (sequence === undefined || !('epoch' in message)) return;
    const { full, epoch } = this.#oracle;
    this.#oracle.expect(
      sequence <= full.sequence,
      () => `${owner} announces sequence ${sequence} (${message.kind}), and ${full.sequence} is committed`,
    );
    this.#oracle.expect(
      !this.#byLease || message.epoch === epoch,
      () => `${owner} announces (${message.kind}) in epoch ${message.epoch} when epoch ${epoch} has begun`,
    );
    this.led(sequence);
  }

  /** A node that leads has shown all up to here itself. */
  led(sequence: number): void {
    this.#sequence = Math.max(this.#sequence, sequence);
  }

  /** A node has shown somebody what is at this revision. */
  shown(revision: number, by: string, what: string): void {
    const sequence = this.#oracle.sequenceOf(revision);
    this.#oracle.expect(
      sequence <= this.#sequence,
      () =>
        `${by} shows (${what}) revision ${revision} of sequence ${sequence}, announced is ${this.#sequence}`,
    );
  }
}

/** Up to which sequence this says that all is committed; undefined when it says nothing of that. */
export function announcedBy(message: PeerMessage): number | undefined {
  switch (message.kind) {
    case 'announce':
    case 'index':
      return message.sequence;
    case 'commit':
      return message.announced > 0 ? message.announced : undefined;
    default:
      return undefined;
  }
}
