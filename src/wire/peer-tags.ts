/** Tags of proto/engram/peer.proto. */

// Members of the oneof.
export const HELLO = 0x0a;
export const READ_INDEX = 0x12;
export const CALLS = 0x1a;
export const NOT_LEADER = 0x22;
export const COMMIT = 0x2a;
export const ANNOUNCE = 0x32;
export const INDEX = 0x3a;
export const ANSWERS = 0x42;
export const RELEASED = 0x4a;
export const PING = 0x52;
export const PONG = 0x5a;

// Fields by number and type: the same number means something else in each message.
export const INT_1 = 0x08;
export const INT_2 = 0x10;
export const INT_3 = 0x18;
export const INT_4 = 0x20;
export const BYTES_1 = 0x0a;
export const BYTES_2 = 0x12;
export const BYTES_3 = 0x1a;
export const BYTES_4 = 0x22;
