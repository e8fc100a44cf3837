/**
 * What proto-loader does otherwise than this program: 64-bit numbers are strings there, and zeros are written, where
 * proto3 (and Go) omits them.
 */

export type LoaderObject = Record<string, unknown>;

export interface MessagePlan {
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
  const plan: MessagePlan = { plain: plainFields(empty), numbers: [], bigints: [], messages: [] };
  plans.set(messageName, plan);
  const { field: fields } = descriptor as { field: FieldDescriptor[] };
  for (const { name, type, typeName } of fields) {
    if (type === 'TYPE_INT64' || type === 'TYPE_UINT64') {
      (bigintFieldNames.has(name) ? plan.bigints : plan.numbers).push(name);
    } else if (type === 'TYPE_MESSAGE') {
      const nestedName = resolve(typeName, messageName);
      plan.messages.push({ name, plan: planOf(nestedName, factsOf, plans) });
    }
  }
  return plan;
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
