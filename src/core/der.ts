/**
 * Reading and writing of DER (ITU-T X.690). The reader is for hostile input: lengths are checked against what is there,
 * indefinite lengths (BER) are read because older tools write PKCS #12 with them, and nesting is capped.
 */
export type DerNode = {
  /** The identifier octet: class, constructed bit and tag number together. */
  readonly tag: number;
  /** The contents, without identifier and length. */
  readonly value: Buffer;
  /** The whole encoding. */
  readonly bytes: Buffer;
};

export const derTag = {
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  sequence: 0x30,
  set: 0x31,
} as const;

const maxDepth = 32;

class DerError extends Error {}

/** True for an error of this reader: the bytes are not DER, as opposed to a fault of ours. */
export const isDerError = (error: unknown): boolean => error instanceof DerError;

const endOfIndefinite = (bytes: Buffer, offset: number, depth: number): number => {
  if (depth > maxDepth) throw new DerError('nested too deeply');
  let at = offset;
  for (;;) {
    if (bytes[at] === 0 && bytes[at + 1] === 0) return at;
    at = readNode(bytes, at, depth + 1).next;
  }
};

const readNode = (bytes: Buffer, offset: number, depth = 0): { node: DerNode; next: number } => {
  const tag = bytes[offset];
  const first = bytes[offset + 1];
  if (tag === undefined || first === undefined) throw new DerError('ends too early');
  if ((tag & 0x1f) === 0x1f) throw new DerError('uses a long tag');
  let start = offset + 2;
  if (first === 0x80) {
    if ((tag & 0x20) === 0) throw new DerError('has an indefinite length on a primitive');
    const end = endOfIndefinite(bytes, start, depth);
    return { node: { tag, value: bytes.subarray(start, end), bytes: bytes.subarray(offset, end + 2) }, next: end + 2 };
  }
  let length = first;
  if (first > 0x80) {
    const count = first & 0x7f;
    if (count > 4 || start + count > bytes.length) throw new DerError('has an impossible length');
    length = bytes.readUIntBE(start, count);
    start += count;
  }
  const end = start + length;
  if (end > bytes.length) throw new DerError('ends too early');
  return { node: { tag, value: bytes.subarray(start, end), bytes: bytes.subarray(offset, end) }, next: end };
};

/** The one element at the start of `bytes`. Throws when they do not hold one; what follows it is not looked at. */
export const readDer = (bytes: Buffer): DerNode => readNode(bytes, 0).node;

/** The elements that follow each other in `bytes`, which they must fill. */
export const readDerList = (bytes: Buffer): DerNode[] => {
  const nodes: DerNode[] = [];
  let offset = 0;
  while (offset < bytes.length) {
    const { node, next } = readNode(bytes, offset);
    nodes.push(node);
    offset = next;
  }
  return nodes;
};

/** The children of a constructed element with the expected tag. */
export const derChildren = (node: DerNode | undefined, tag: number = derTag.sequence): DerNode[] => {
  if (node?.tag !== tag) throw new DerError('has another structure than expected');
  return readDerList(node.value);
};

/** The contents of an OCTET STRING, its constructed (chunked) form included. */
export const derOctets = (node: DerNode | undefined, depth = 0): Buffer => {
  if (node !== undefined && (node.tag & 0x20) !== 0 && depth < maxDepth) {
    return Buffer.concat(readDerList(node.value).map((part) => derOctets(part, depth + 1)));
  }
  if (node === undefined || (node.tag !== derTag.octetString && (node.tag & 0xc0) !== 0x80)) {
    throw new DerError('has no octet string where one is expected');
  }
  return node.value;
};

/** A small non-negative INTEGER. */
export const derInteger = (node: DerNode | undefined): number => {
  if (node?.tag !== derTag.integer || node.value.length === 0 || node.value.length > 6 || (node.value[0] ?? 0) > 0x7f) {
    throw new DerError('has no small integer where one is expected');
  }
  return node.value.readUIntBE(0, node.value.length);
};

/** The dotted form of an OBJECT IDENTIFIER. */
export const derOid = (node: DerNode | undefined): string => {
  if (node?.tag !== derTag.oid || node.value.length === 0 || node.value.length > 64) {
    throw new DerError('has no object identifier where one is expected');
  }
  const arcs: number[] = [];
  let arc = 0;
  for (const byte of node.value) {
    arc = arc * 128 + (byte & 0x7f);
    if (byte < 0x80) {
      if (arcs.length === 0) {
        const root = Math.min(2, Math.floor(arc / 40));
        arcs.push(root, arc - root * 40);
      } else arcs.push(arc);
      arc = 0;
    }
  }
  return arcs.join('.');
};

/** Encodes one element. */
export const der = (tag: number, ...contents: readonly (Buffer | string)[]): Buffer => {
  const value = Buffer.concat(contents.map((part) => (typeof part === 'string' ? Buffer.from(part, 'latin1') : part)));
  if (value.length < 0x80) return Buffer.concat([Buffer.from([tag, value.length]), value]);
  const hex = value.length.toString(16);
  const length = Buffer.from(hex.padStart(hex.length + (hex.length % 2), '0'), 'hex');
  return Buffer.concat([Buffer.from([tag, 0x80 | length.length]), length, value]);
};

/** Encodes an OBJECT IDENTIFIER from its dotted form. */
export const encodeOid = (dotted: string): Buffer => {
  const [root = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  const bytes = [root * 40 + second, ...rest].flatMap((arc) => {
    const groups = [arc & 0x7f];
    for (let left = Math.floor(arc / 128); left > 0; left = Math.floor(left / 128))
      groups.unshift((left & 0x7f) | 0x80);
    return groups;
  });
  return der(derTag.oid, Buffer.from(bytes));
};

/** Encodes a non-negative INTEGER from its magnitude. */
export const encodeInteger = (magnitude: Buffer | number): Buffer => {
  const raw = typeof magnitude === 'number' ? Buffer.from([magnitude]) : magnitude;
  const lead = (raw[0] ?? 0) > 0x7f ? Buffer.from([0]) : Buffer.alloc(0);
  return der(derTag.integer, lead, raw);
};
