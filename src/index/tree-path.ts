/** A tree of this height, with nodes of one key each, would have more keys than there are ids. */
const HEIGHT_MAX = 32;

/** The way from the root to a leaf: the node at each level (0 is the leaf) and the slot taken there. */
export class Path {
  readonly node = new Uint32Array(HEIGHT_MAX);
  readonly slot = new Uint32Array(HEIGHT_MAX);
}
