import type { Engine } from '../../src/engine/index.ts';

/** What a run of the suite is about. Each test opens an empty store of its own. */
export interface Subject {
  readonly name: string;
  /** A fresh, empty store. */
  open(options: OpenOptions): Promise<Opened>;
}
export interface OpenOptions {
  readonly commitBytesMax?: number;
}
export interface Opened {
  readonly engine: Engine;
  /** Opens the same store again after its engine has been closed. Absent where nothing survives a close. */
  readonly reopen?: () => Promise<Engine>;
  /** Closes what is still open and removes what was stored. */
  dispose(): Promise<void>;
}
