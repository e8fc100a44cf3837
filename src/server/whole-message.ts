import type { Bytes } from '../base/index.ts';
import type { ByteSource, Message, Slices } from '../transport/index.ts';

/** A message as one run of bytes; it has ended with this. */
export function wholeMessage(message: Message): Bytes {
  if (message instanceof Uint8Array) return message;
  if (Array.isArray(message)) return joined(message as Slices);
  const source = message as ByteSource;
  const bytes = Buffer.allocUnsafeSlow(source.length);
  source.read(bytes, 0, bytes.length);
  source.close();
  return bytes;
}

function joined(slices: Slices): Bytes {
  return slices.length === 1 ? slices[0]! : Buffer.concat(slices);
}
