/**
 * A server that gives every request the same answer of one point read, and does nothing else: what the generator can
 * drive against it is the generator's own ceiling. Prints its port as a message to its parent.
 */

import { createServer } from 'node:net';
import type { Socket } from 'node:net';
import { encodeHeaders } from '../../../src/transport/hpack/index.ts';
import {
  Flag,
  frame,
  FRAME_HEAD_BYTES,
  FrameType,
  NOTHING,
  PREFACE,
  settings,
  windowUpdate,
} from '../../../test/support/frames.ts';

const ANSWER_BYTES = 640;
const GRANT_BYTES = 2 ** 20;

const headers = encodeHeaders([
  [':status', '200'],
  ['content-type', 'application/grpc'],
]);
const body = Buffer.alloc(ANSWER_BYTES);
body.writeUInt32BE(ANSWER_BYTES - 5, 1);
const answer = Buffer.concat([
  frame(FrameType.headers, Flag.endHeaders, 0, headers),
  frame(FrameType.data, 0, 0, body),
  frame(FrameType.headers, Flag.endHeaders | Flag.endStream, 0, encodeHeaders([['grpc-status', '0']])),
]);
/** Where the three frames have the number of their stream. */
const idsAt = [
  5,
  5 + FRAME_HEAD_BYTES + headers.length,
  5 + 2 * FRAME_HEAD_BYTES + headers.length + ANSWER_BYTES,
];

function serve(socket: Socket): void {
  socket.setNoDelay(true);
  socket.write(Buffer.concat([settings(), windowUpdate(0, 2 ** 30)]));
  let rest: Buffer = NOTHING;
  let isGreeted = false;
  let received = 0;
  socket.on('error', () => socket.destroy());
  socket.on('data', (bytes: Buffer) => {
    const all = rest.length === 0 ? bytes : Buffer.concat([rest, bytes]);
    let at = 0;
    if (!isGreeted) {
      if (all.length < PREFACE.length) return;
      isGreeted = true;
      at = PREFACE.length;
    }
    const answers: Buffer[] = [];
    while (all.length - at >= FRAME_HEAD_BYTES) {
      const end = at + FRAME_HEAD_BYTES + all.readUIntBE(at, 3);
      if (end > all.length) break;
      if (all[at + 3] === FrameType.data && (all[at + 4]! & Flag.endStream) !== 0)
        answers.push(answerTo(all, at));
      if (all[at + 3] === FrameType.settings && (all[at + 4]! & Flag.ack) === 0)
        answers.push(frame(FrameType.settings, Flag.ack, 0, NOTHING));
      if (all[at + 3] === FrameType.data) received += end - at - FRAME_HEAD_BYTES;
      at = end;
    }
    rest = at === all.length ? NOTHING : all.subarray(at);
    if (received > GRANT_BYTES) {
      answers.push(windowUpdate(0, received));
      received = 0;
    }
    if (answers.length > 0) socket.write(Buffer.concat(answers));
  });
}

function answerTo(request: Buffer, at: number): Buffer {
  const bytes = Buffer.from(answer);
  for (const position of idsAt) request.copy(bytes, position, at + 5, at + 9);
  return bytes;
}

const server = createServer(serve);
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  if (address !== null && typeof address === 'object') process.send?.(address.port);
});
process.on('disconnect', () => process.exit());
