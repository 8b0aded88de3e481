// OTLP/protobuf with descriptors built at start from `OTLP_SHAPES`: only the fields we touch are
// known, all others are kept as they came. Keys and values stay bytes, so that text which is not
// valid UTF-8 survives too; proto2 gives every field presence, so that nothing empty is lost.

import {
  create,
  createFileRegistry,
  type DescMessage,
  fromBinary,
  toBinary,
} from '@bufbuild/protobuf';
import {
  FieldDescriptorProto_Label,
  FieldDescriptorProto_Type,
  FileDescriptorProtoSchema,
} from '@bufbuild/protobuf/wkt';
import type { OtlpEncoding, OtlpNode } from './otlp-encoding.ts';
import { OTLP_SHAPES, type OtlpField } from './otlp-shape.ts';

const PACKAGE = 'tallygate.otlp';
const registry = createFileRegistry(describe(), () => undefined);
const keyValue = descriptorOf('KeyValue');
const anyValue = descriptorOf('AnyValue');
const utf8 = new TextDecoder();

export const otlpProtobuf: OtlpEncoding = {
  decode: (data, shape) => fromBinary(descriptorOf(shape), data) as object as OtlpNode,
  encode(root, shape) {
    return toBinary(descriptorOf(shape), root as object as ReturnType<typeof fromBinary>);
  },
  spellings: (name) => [name],
  create: (shape) => create(descriptorOf(shape)) as object as OtlpNode,
  attribute(key, text) {
    const any = create(anyValue) as object as OtlpNode;
    any['stringValue'] = Buffer.from(text);
    const entry = create(keyValue) as object as OtlpNode;
    entry['key'] = Buffer.from(key);
    entry['value'] = toBinary(anyValue, any as object as ReturnType<typeof fromBinary>);
    return entry;
  },
  keyOf: (attribute) => utf8.decode(bytes((attribute as OtlpNode)['key'])),
  textOf: (attribute) => anyText((attribute as OtlpNode)['value']),
  rawText: (name, value) => (name === 'eventName' ? utf8.decode(bytes(value)) : anyText(value)),
};

function anyText(value: unknown): string | null {
  const any = fromBinary(anyValue, bytes(value)) as object as OtlpNode;
  return Object.hasOwn(any, 'stringValue') ? utf8.decode(bytes(any['stringValue'])) : null;
}

function bytes(value: unknown): Uint8Array {
  return value instanceof Uint8Array ? value : new Uint8Array();
}

function descriptorOf(shape: string): DescMessage {
  const descriptor = registry.getMessage(`${PACKAGE}.${shape}`);
  if (descriptor === undefined) throw new RangeError(`no such shape of OTLP: ${shape}`);
  return descriptor;
}

function describe() {
  const { BYTES, MESSAGE } = FieldDescriptorProto_Type;
  const { OPTIONAL, REPEATED } = FieldDescriptorProto_Label;
  const field = ({ number, name, many, of }: OtlpField) => ({
    number,
    name: name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
    label: many ? REPEATED : OPTIONAL,
    ...(of === 'raw'
      ? { type: BYTES }
      : { type: MESSAGE, typeName: `.${PACKAGE}.${of === 'attributes' ? 'KeyValue' : of}` }),
  });
  const raw = (number: number, name: string) => {
    return field({ number, name, of: 'raw', many: false, always: false });
  };
  return create(FileDescriptorProtoSchema, {
    name: 'tallygate/otlp.proto',
    package: PACKAGE,
    syntax: 'proto2',
    messageType: [
      { name: 'KeyValue', field: [raw(1, 'key'), raw(2, 'value')] },
      { name: 'AnyValue', field: [raw(1, 'stringValue')] },
      ...Object.entries(OTLP_SHAPES).map(([name, { fields }]) => {
        return { name, field: fields.map(field) };
      }),
    ],
  });
}
