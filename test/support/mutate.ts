/** Pieces that parsers stumble over: separators, ends, escapes, numbers at the edges, half of a UTF-8 character. */
// biome-ignore format: a list of pieces reads better in lines.
const pieces = [
  '\r\n', '\r\n\r\n', '\r', '\n', '\r\n ', '\0', ' ', '\t', ',', ';', ':', '=', '"', '\\', '<', '>', '@', '%', '%00', '%0d%0a', '?', '/', '[', ']', '[::1]', '*', '|',
  '4294967296', '2147483648', '-1', '0', '99999999999999999999', '65536', 'SIP/2.0', 'SIP/7.0', ' SIP/2.0 ', 'sip:', 'sips:', 'tel:',
  'Via: ', 'v:', 'From:', 'To:', 'Call-ID:', 'CSeq:', 'Content-Length: 5\r\n', 'l:9999\r\n', 'Contact: *\r\n', 'Route: <sip:a;lr>\r\n',
  ';tag=', ';branch=z9hG4bK', ';rport', ';received=', '\xc3', '\xe2\x80', '\xff\xfe', '\ufeff', '"\\', '\\"', '<<', '>>', ';;', ',,', '%ZZ',
].map((text) => Buffer.from(text, 'latin1'));

/** One random change of the bytes. `random` gives numbers in [0, 1), `other` is a message to splice in. */
const mutateOnce = (bytes: Buffer, other: Buffer, random: () => number): Buffer => {
  const below = (limit: number): number => Math.floor(random() * limit);
  const at = below(bytes.length + 1);
  const length = Math.min(below(random() < 0.8 ? 12 : 400), bytes.length - at);
  const insert = (piece: Buffer): Buffer => Buffer.concat([bytes.subarray(0, at), piece, bytes.subarray(at)]);
  switch (below(9)) {
    case 0: {
      const changed = Buffer.from(bytes);
      for (let i = below(4); i >= 0 && changed.length > 0; i--) changed[below(changed.length)] = below(256);
      return changed;
    }
    case 1:
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + length)]);
    case 2:
      return insert(bytes.subarray(at, at + length));
    case 3:
      return bytes.subarray(0, at);
    case 4:
      return Buffer.concat([bytes.subarray(0, at), other.subarray(below(other.length))]);
    case 5: {
      const piece = pieces[below(pieces.length)] ?? Buffer.alloc(0);
      return insert(random() < 0.02 ? Buffer.concat(Array.from({ length: below(2_000) }, () => piece)) : piece);
    }
    case 6: {
      const lines = bytes.toString('latin1').split('\r\n');
      const line = lines.splice(below(lines.length), 1);
      if (random() < 0.7) lines.splice(below(lines.length + 1), 0, ...line, ...(random() < 0.5 ? line : []));
      return Buffer.from(lines.join('\r\n'), 'latin1');
    }
    default:
      return insert(pieces[below(pieces.length)] ?? Buffer.alloc(0));
  }
};

/** A message of the corpus with one to four random changes. */
export const mutated = (corpus: readonly Buffer[], random: () => number): Buffer => {
  const pick = (): Buffer => corpus[Math.floor(random() * corpus.length)] ?? Buffer.alloc(0);
  let bytes = pick();
  for (let changes = 1 + Math.floor(random() * random() * 4); changes > 0; changes--)
    bytes = mutateOnce(bytes, pick(), random);
  return bytes;
};
