import { assert } from '../base/index.ts';
import { WireError } from './errors.ts';
import type { MessagePlan } from './message-plan.ts';
import { Reader, tagOf, WireType } from './reader.ts';
import { messageFieldSize, writeFrame } from './writer.ts';

const NOTHING = Buffer.alloc(0);
const utf8 = new TextDecoder('utf-8', { fatal: true });

/**
 * The message as Go understands it, for protobufjs, which reads a known field whatever its wire type is, text that is not
 * UTF-8 with replacements, and of a nested message that comes twice the last. Go skips the first, refuses the second and
 * merges the third. Gives `bytes` itself where that makes no difference. Throws WireError on a malformed message.
 */
export function knownFields(bytes: Uint8Array, plan: MessagePlan): Uint8Array {
  const reader = new Reader(bytes);
  const parts: Uint8Array[] = [];
  const singular = new Map<number, { readonly at: number; readonly content: Uint8Array }>();
  let isWhole = true;
  while (reader.position < reader.end) {
    const start = reader.position;
    const tag = reader.tag();
    const field = plan.fields.get(tag >>> 3);
    const wireType = tag & 7;
    // Several numbers may also come in one field of bytes.
    const isPacked = field?.isRepeated === true && wireType === WireType.bytes;
    if (field === undefined || (field.wireType !== wireType && !isPacked)) {
      reader.skip(tag);
      isWhole = false;
    } else if (wireType !== WireType.bytes) {
      reader.skip(tag);
      parts.push(bytes.subarray(start, reader.position));
    } else {
      const content = reader.view();
      if (field.isText) checkText(content, start);
      let known = field.nested === undefined ? content : knownFields(content, field.nested);
      if (field.nested !== undefined && !field.isRepeated) {
        const before = singular.get(tag >>> 3);
        if (before !== undefined) {
          known = Buffer.concat([before.content, known]);
          parts[before.at] = NOTHING;
        }
        singular.set(tag >>> 3, { at: parts.length, content: known });
      }
      if (known !== content) isWhole = false;
      parts.push(known === content ? bytes.subarray(start, reader.position) : framed(tag >>> 3, known));
    }
  }
  return isWhole ? bytes : Buffer.concat(parts);
}

function checkText(content: Uint8Array, position: number): void {
  try {
    utf8.decode(content);
  } catch (cause) {
    throw new WireError('invalidText', position, 'text that is not UTF-8', { cause });
  }
}

function framed(fieldNumber: number, content: Uint8Array): Uint8Array {
  const tag = tagOf(fieldNumber, WireType.bytes);
  assert(tag < 0x80, 'all nested messages of the protocol have tags of one byte');
  const target = Buffer.allocUnsafe(messageFieldSize(content.length));
  target.set(content, writeFrame(target, 0, tag, content.length));
  return target;
}
