import { WireType } from './reader.ts';

/**
 * What proto-loader does otherwise than this program: 64-bit numbers are strings there, and zeros are written, where
 * proto3 (and Go) omits them.
 */

export type LoaderObject = Record<string, unknown>;

export interface FieldPlan {
  readonly wireType: number;
  /** Its bytes are text, which must be UTF-8. */
  readonly isText: boolean;
  readonly isRepeated: boolean;
  readonly nested: MessagePlan | undefined;
}

export interface MessagePlan {
  /** By number. */
  readonly fields: Map<number, FieldPlan>;
  /** Singular fields outside a oneof: zero is the same as absent. */
  readonly plain: string[];
  readonly numbers: string[];
  readonly bigints: string[];
  readonly messages: { readonly name: string; readonly plan: MessagePlan }[];
}

/** Names of the 64-bit fields that need all their bits: ids of leases, clusters and members. */
const bigintFieldNames = new Set([
  'ID',
  'lease',
  'cluster_id',
  'member_id',
  'memberID',
  'targetID',
  'leader',
]);

interface FieldDescriptor {
  readonly name: string;
  readonly type: string;
  readonly typeName: string;
  readonly number: number;
  readonly label: string;
}

/** What a plan is made from: a message's descriptor, and what proto-loader makes of no bytes. */
export interface MessageFacts {
  readonly descriptor: object;
  readonly empty: object;
}

/** The plan of a message; `factsOf` knows it by its full name. `plans` remembers. */
export function planOf(
  messageName: string,
  factsOf: (name: string) => MessageFacts,
  plans: Map<string, MessagePlan>,
): MessagePlan {
  const known = plans.get(messageName);
  if (known !== undefined) return known;
  const { descriptor, empty } = factsOf(messageName);
  const plan: MessagePlan = {
    fields: new Map(),
    plain: plainFields(empty),
    numbers: [],
    bigints: [],
    messages: [],
  };
  plans.set(messageName, plan);
  const { field: fields } = descriptor as { field: FieldDescriptor[] };
  for (const field of fields) {
    const { name, type, typeName } = field;
    const nested =
      type === 'TYPE_MESSAGE' ? planOf(resolve(typeName, messageName), factsOf, plans) : undefined;
    plan.fields.set(field.number, fieldPlan(field, nested));
    if (type === 'TYPE_INT64' || type === 'TYPE_UINT64') {
      (bigintFieldNames.has(name) ? plan.bigints : plan.numbers).push(name);
    } else if (nested !== undefined) {
      plan.messages.push({ name, plan: nested });
    }
  }
  return plan;
}

const WIRE_TYPES: Readonly<Record<string, number>> = {
  TYPE_STRING: WireType.bytes,
  TYPE_BYTES: WireType.bytes,
  TYPE_MESSAGE: WireType.bytes,
  TYPE_DOUBLE: WireType.fixed64,
  TYPE_FIXED64: WireType.fixed64,
  TYPE_SFIXED64: WireType.fixed64,
  TYPE_FLOAT: WireType.fixed32,
  TYPE_FIXED32: WireType.fixed32,
  TYPE_SFIXED32: WireType.fixed32,
};

function fieldPlan({ type, label }: FieldDescriptor, nested: MessagePlan | undefined): FieldPlan {
  const wireType = WIRE_TYPES[type] ?? WireType.varint;
  return { wireType, isText: type === 'TYPE_STRING', isRepeated: label === 'LABEL_REPEATED', nested };
}

/** Members of a oneof are not in an empty message, absent messages are null, repeated fields are arrays. */
function plainFields(empty: object): string[] {
  return Object.entries(empty)
    .filter(([, value]) => value !== null && (Buffer.isBuffer(value) || !Array.isArray(value)))
    .map(([name]) => name);
}

/** A type's full name: descriptors give it with a leading dot, or relative to the package. */
function resolve(typeName: string, messageName: string): string {
  if (typeName.startsWith('.')) return typeName.slice(1);
  if (typeName.includes('.')) return typeName;
  return `${messageName.slice(0, messageName.lastIndexOf('.') + 1)}${typeName}`;
}

/** Replaces, in place, proto-loader's strings. */
export function toDomain(message: LoaderObject, plan: MessagePlan): LoaderObject {
  for (const name of plan.numbers) mapField(message, name, saturated);
  for (const name of plan.bigints) mapField(message, name, (value) => BigInt(value as string));
  for (const { name, plan: nested } of plan.messages) {
    mapField(message, name, (value) => toDomain(value as LoaderObject, nested));
  }
  return message;
}

function isZero(value: unknown): boolean {
  if (value instanceof Uint8Array) return value.length === 0;
  return value === 0 || value === 0n || value === '' || value === false;
}

/** A copy in which numbers and bigints are the strings that proto-loader takes, without zeros. */
export function toLoader(message: LoaderObject, plan: MessagePlan): LoaderObject {
  const copy = { ...message };
  for (const name of plan.plain) if (isZero(copy[name])) copy[name] = undefined;
  for (const name of plan.numbers) mapField(copy, name, String);
  for (const name of plan.bigints) mapField(copy, name, String);
  for (const { name, plan: nested } of plan.messages) {
    mapField(copy, name, (value) => toLoader(value as LoaderObject, nested));
  }
  return copy;
}

function mapField(message: LoaderObject, name: string, change: (value: unknown) => unknown): void {
  const value = message[name];
  if (value === undefined || value === null) return;
  message[name] = Array.isArray(value) ? value.map(change) : change(value);
}

function saturated(value: unknown): number {
  const number = Number(value);
  if (number > Number.MAX_SAFE_INTEGER) return Number.MAX_SAFE_INTEGER;
  return number < -Number.MAX_SAFE_INTEGER ? -Number.MAX_SAFE_INTEGER : number;
}
