/** Decodes messages by the FileDescriptorSet that a file or a channel carries, as its readers do. */
import protobuf from "protobufjs";
import descriptor from "protobufjs/ext/descriptor/index.js";

/** What the extension adds, whose types say otherwise. */
interface Descriptors {
  FileDescriptorSet: protobuf.Type;
}
interface FromDescriptor {
  fromDescriptor(files: unknown): protobuf.Root;
}

/**
 * The type that a FileDescriptorSet says.
 *
 * @param type the message's full name
 */
export function typeBy(set: Uint8Array, type: string): protobuf.Type {
  const files = (descriptor as unknown as Descriptors).FileDescriptorSet.decode(set);
  const root = (protobuf.Root as unknown as FromDescriptor).fromDescriptor(files);
  return root.resolveAll().lookupType(type);
}

// deno-lint-ignore no-explicit-any
export function decodeBy(set: Uint8Array, type: string, bytes: Uint8Array): any {
  const Message = typeBy(set, type);
  return Message.toObject(Message.decode(bytes), { longs: Number, arrays: true });
}
