/**
 * What a message is made of, as the proto files say it: for whoever translates messages into something else than
 * domain types, such as JSON.
 */

export type FieldKind =
  'int32' | 'int64' | 'uint32' | 'uint64' | 'bool' | 'string' | 'bytes' | 'enum' | 'message';

export interface FieldShape {
  /** As in the proto file: `range_end`. */
  readonly name: string;
  /** As protobuf's JSON mapping derives it: `rangeEnd`. */
  readonly jsonName: string;
  readonly number: number;
  readonly kind: FieldKind;
  readonly isRepeated: boolean;
  /** Full name of the oneof that it is a member of: `etcdserverpb.RequestOp.request`. */
  readonly oneof: string | undefined;
  /** The message that it holds. */
  readonly message: MessageShape | undefined;
  /** The names that its enumeration has, by number. */
  readonly values: ReadonlyMap<number, string> | undefined;
}

export interface MessageShape {
  /** Full name: `etcdserverpb.RangeRequest`. */
  readonly name: string;
  /** In the order of their numbers, which in etcd's proto files is the order in which they are declared. */
  readonly fields: readonly FieldShape[];
}

/** The parts of protobuf's own descriptors that are used here. */
export interface MessageDescriptor {
  readonly field: readonly FieldDescriptor[];
  readonly enumType: readonly EnumDescriptor[];
  readonly oneofDecl: readonly { readonly name: string }[];
}

export interface FieldDescriptor {
  readonly name: string;
  readonly number: number;
  readonly label: string;
  readonly type: string;
  readonly typeName: string;
}

export interface EnumDescriptor {
  readonly name: string;
  readonly value: readonly { readonly name: string; readonly number: number }[];
}

/** Where shapes come from. Full names. */
export interface Descriptors {
  message(name: string): MessageDescriptor;
  enumeration(name: string): EnumDescriptor;
  /** Members of a oneof are those that a message has no default of. */
  hasDefault(messageName: string, fieldName: string): boolean;
}

const KINDS: Readonly<Record<string, FieldKind>> = {
  TYPE_INT32: 'int32',
  TYPE_INT64: 'int64',
  TYPE_UINT32: 'uint32',
  TYPE_UINT64: 'uint64',
  TYPE_BOOL: 'bool',
  TYPE_STRING: 'string',
  TYPE_BYTES: 'bytes',
  TYPE_ENUM: 'enum',
  TYPE_MESSAGE: 'message',
};

/** The shape of a message. `shapes` remembers, also while a message that holds itself is being made. */
export function shapeOf(
  messageName: string,
  descriptors: Descriptors,
  shapes: Map<string, MessageShape>,
): MessageShape {
  const known = shapes.get(messageName);
  if (known !== undefined) return known;
  const fields: FieldShape[] = [];
  const shape: MessageShape = { name: messageName, fields };
  shapes.set(messageName, shape);
  const descriptor = descriptors.message(messageName);
  for (const field of descriptor.field) {
    const kind = KINDS[field.type];
    if (kind === undefined) throw new Error(`Cannot describe ${messageName}.${field.name}: ${field.type}`);
    const nested = fullName(field.typeName, messageName);
    const oneof = descriptors.hasDefault(messageName, field.name) ? undefined : descriptor.oneofDecl[0]?.name;
    fields.push({
      name: field.name,
      jsonName: jsonNameOf(field.name),
      number: field.number,
      kind,
      isRepeated: field.label === 'LABEL_REPEATED',
      oneof: oneof === undefined ? undefined : `${messageName}.${oneof}`,
      message: kind === 'message' ? shapeOf(nested, descriptors, shapes) : undefined,
      values: kind === 'enum' ? valuesOf(field.typeName, messageName, descriptors) : undefined,
    });
  }
  fields.sort((a, b) => a.number - b.number);
  return shape;
}

/** An enumeration is declared in the message that uses it, or beside it. */
function valuesOf(typeName: string, messageName: string, descriptors: Descriptors): Map<number, string> {
  const inner = descriptors.message(messageName).enumType.find((each) => each.name === typeName);
  const { value } = inner ?? descriptors.enumeration(fullName(typeName, messageName));
  return new Map(value.map(({ name, number }) => [number, name]));
}

/** Descriptors give a type's name with a leading dot, or relative to the package. */
export function fullName(typeName: string, messageName: string): string {
  if (typeName.startsWith('.')) return typeName.slice(1);
  if (typeName.includes('.')) return typeName;
  return `${messageName.slice(0, messageName.lastIndexOf('.') + 1)}${typeName}`;
}

function jsonNameOf(name: string): string {
  return name.replace(/_([a-zA-Z0-9])/g, (_match, letter: string) => letter.toUpperCase());
}
