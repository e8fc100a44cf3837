import { messageFields, type FieldDescriptor } from './protos.ts';

/** How a field is written: numbers up to 32 bits, the two kinds of bigints, and the rest. */
export type FieldKind = 'number' | 'bool' | 'uint64' | 'int64' | 'bytes' | 'string' | 'message';

export interface FieldPlan {
  /** In camel case: `startVersion`. */
  readonly name: string;
  readonly number: number;
  readonly kind: FieldKind;
  readonly isRepeated: boolean;
  /** It is a varint, so that a repeated one is packed. */
  readonly isPackable: boolean;
  /** The key before its value; of repeated numbers, that of the packed form. */
  readonly tag: number;
  /** Of kind `message`. */
  readonly plan: MessagePlan | undefined;
}

export interface MessagePlan {
  readonly name: string;
  readonly fields: readonly FieldPlan[];
  /** By number; holes where there is no field. */
  readonly byNumber: readonly (FieldPlan | undefined)[];
  /** What a message without bytes is. Its arrays are shared and frozen: they are replaced, never filled. */
  readonly empty: Readonly<Record<string, unknown>>;
}

export const WireType = { Varint: 0, Fixed64: 1, Bytes: 2, Fixed32: 5 } as const;

const KINDS: Readonly<Record<string, FieldKind>> = {
  TYPE_INT32: 'number',
  TYPE_UINT32: 'number',
  TYPE_ENUM: 'number',
  TYPE_BOOL: 'bool',
  TYPE_UINT64: 'uint64',
  TYPE_INT64: 'int64',
  TYPE_BYTES: 'bytes',
  TYPE_STRING: 'string',
  TYPE_MESSAGE: 'message',
};

const EMPTY_BYTES = Buffer.alloc(0);
const EMPTY_ARRAY: readonly unknown[] = Object.freeze([]);
const ZEROS: Readonly<Record<FieldKind, unknown>> = {
  number: 0,
  bool: false,
  uint64: 0n,
  int64: 0n,
  bytes: EMPTY_BYTES,
  string: '',
  message: undefined,
};

const plans = new Map<string, MessagePlan>();

/** The plan of a message by its full name. Throws Error on a name that is not in `proto/`: a bug, never input. */
export function planOf(messageName: string): MessagePlan {
  const known = plans.get(messageName);
  if (known !== undefined) return known;
  const fields = messageFields(messageName).map((field) => fieldPlan(field, messageName));
  const byNumber: (FieldPlan | undefined)[] = [];
  const empty: Record<string, unknown> = {};
  for (const field of fields) {
    while (byNumber.length < field.number) byNumber.push(undefined);
    byNumber[field.number] = field;
    empty[field.name] = field.isRepeated ? EMPTY_ARRAY : ZEROS[field.kind];
  }
  const plan = { name: messageName, fields, byNumber, empty };
  plans.set(messageName, plan);
  return plan;
}

function fieldPlan(field: FieldDescriptor, messageName: string): FieldPlan {
  const kind = KINDS[field.type];
  if (kind === undefined) throw new Error(`Cannot plan ${messageName}.${field.name}: ${field.type}`);
  const isRepeated = field.label === 'LABEL_REPEATED';
  const isPackable = kind === 'number' || kind === 'bool' || kind === 'uint64' || kind === 'int64';
  const wireType = isPackable && !isRepeated ? WireType.Varint : WireType.Bytes;
  return {
    name: field.name.replace(/_([a-z0-9])/g, (_match, letter: string) => letter.toUpperCase()),
    number: field.number,
    kind,
    isRepeated,
    isPackable,
    tag: field.number * 8 + wireType,
    plan: kind === 'message' ? planOf(fullName(field.typeName, messageName)) : undefined,
  };
}

function fullName(typeName: string, messageName: string): string {
  if (typeName.startsWith('.')) return typeName.slice(1);
  if (typeName.includes('.')) return typeName;
  return `${messageName.slice(0, messageName.lastIndexOf('.') + 1)}${typeName}`;
}
