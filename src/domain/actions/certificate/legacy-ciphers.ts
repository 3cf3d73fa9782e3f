/**
 * RC2 and RC4, decryption only. OpenSSL 3 no longer brings them, yet files that older Windows, Java and OpenSSL wrote
 * still use them; they are read once, at upload, and kept under encryption of today.
 */

// biome-ignore format: a table of RFC 2268 section 2
const pi = Uint8Array.from([
  0xd9, 0x78, 0xf9, 0xc4, 0x19, 0xdd, 0xb5, 0xed, 0x28, 0xe9, 0xfd, 0x79, 0x4a, 0xa0, 0xd8, 0x9d,
  0xc6, 0x7e, 0x37, 0x83, 0x2b, 0x76, 0x53, 0x8e, 0x62, 0x4c, 0x64, 0x88, 0x44, 0x8b, 0xfb, 0xa2,
  0x17, 0x9a, 0x59, 0xf5, 0x87, 0xb3, 0x4f, 0x13, 0x61, 0x45, 0x6d, 0x8d, 0x09, 0x81, 0x7d, 0x32,
  0xbd, 0x8f, 0x40, 0xeb, 0x86, 0xb7, 0x7b, 0x0b, 0xf0, 0x95, 0x21, 0x22, 0x5c, 0x6b, 0x4e, 0x82,
  0x54, 0xd6, 0x65, 0x93, 0xce, 0x60, 0xb2, 0x1c, 0x73, 0x56, 0xc0, 0x14, 0xa7, 0x8c, 0xf1, 0xdc,
  0x12, 0x75, 0xca, 0x1f, 0x3b, 0xbe, 0xe4, 0xd1, 0x42, 0x3d, 0xd4, 0x30, 0xa3, 0x3c, 0xb6, 0x26,
  0x6f, 0xbf, 0x0e, 0xda, 0x46, 0x69, 0x07, 0x57, 0x27, 0xf2, 0x1d, 0x9b, 0xbc, 0x94, 0x43, 0x03,
  0xf8, 0x11, 0xc7, 0xf6, 0x90, 0xef, 0x3e, 0xe7, 0x06, 0xc3, 0xd5, 0x2f, 0xc8, 0x66, 0x1e, 0xd7,
  0x08, 0xe8, 0xea, 0xde, 0x80, 0x52, 0xee, 0xf7, 0x84, 0xaa, 0x72, 0xac, 0x35, 0x4d, 0x6a, 0x2a,
  0x96, 0x1a, 0xd2, 0x71, 0x5a, 0x15, 0x49, 0x74, 0x4b, 0x9f, 0xd0, 0x5e, 0x04, 0x18, 0xa4, 0xec,
  0xc2, 0xe0, 0x41, 0x6e, 0x0f, 0x51, 0xcb, 0xcc, 0x24, 0x91, 0xaf, 0x50, 0xa1, 0xf4, 0x70, 0x39,
  0x99, 0x7c, 0x3a, 0x85, 0x23, 0xb8, 0xb4, 0x7a, 0xfc, 0x02, 0x36, 0x5b, 0x25, 0x55, 0x97, 0x31,
  0x2d, 0x5d, 0xfa, 0x98, 0xe3, 0x8a, 0x92, 0xae, 0x05, 0xdf, 0x29, 0x10, 0x67, 0x6c, 0xba, 0xc9,
  0xd3, 0x00, 0xe6, 0xcf, 0xe1, 0x9e, 0xa8, 0x2c, 0x63, 0x16, 0x01, 0x3f, 0x58, 0xe2, 0x89, 0xa9,
  0x0d, 0x38, 0x34, 0x1b, 0xab, 0x33, 0xff, 0xb0, 0xbb, 0x48, 0x0c, 0x5f, 0xb9, 0xb1, 0xcd, 0x2e,
  0xc5, 0xf3, 0xdb, 0x47, 0xe5, 0xa5, 0x9c, 0x77, 0x0a, 0xa6, 0x20, 0x68, 0xfe, 0x7f, 0xc1, 0xad,
]);

/** RFC 2268 section 2: the 64 words of the expanded key. */
const expandKey = (key: Uint8Array, effectiveBits: number): Uint16Array => {
  const bytes = new Uint8Array(128);
  bytes.set(key.subarray(0, 128));
  const at = (index: number): number => bytes[index] ?? 0;
  for (let i = key.length; i < 128; i += 1) bytes[i] = pi[(at(i - 1) + at(i - key.length)) & 0xff] ?? 0;
  const effective = Math.ceil(effectiveBits / 8);
  const mask = 0xff >> (8 * effective - effectiveBits);
  bytes[128 - effective] = pi[at(128 - effective) & mask] ?? 0;
  for (let i = 127 - effective; i >= 0; i -= 1) bytes[i] = pi[at(i + 1) ^ at(i + effective)] ?? 0;
  return Uint16Array.from({ length: 64 }, (_, i) => at(2 * i) | (at(2 * i + 1) << 8));
};

const rotations = [1, 2, 3, 5];

/** RFC 2268 section 4: one block of eight bytes, in place. */
const decryptBlock = (words: Uint16Array, keys: Uint16Array): void => {
  const w = (index: number): number => words[index & 3] ?? 0;
  let next = 63;
  const mix = (): void => {
    for (let i = 3; i >= 0; i -= 1) {
      const turn = rotations[i] ?? 0;
      const rotated = (w(i) >> turn) | (w(i) << (16 - turn));
      words[i] = rotated - (keys[next] ?? 0) - (w(i + 3) & w(i + 2)) - (~w(i + 3) & w(i + 1));
      next -= 1;
    }
  };
  const mash = (): void => {
    for (let i = 3; i >= 0; i -= 1) words[i] = w(i) - (keys[w(i + 3) & 63] ?? 0);
  };
  for (const rounds of [5, 6, 5]) {
    for (let round = 0; round < rounds; round += 1) mix();
    if (next > 0) mash();
  }
};

/** Takes the padding of PKCS #7 off; nothing when it is not there, which means a wrong key. */
export const unpad = (plain: Buffer, block: number): Buffer | undefined => {
  const count = plain.at(-1) ?? 0;
  if (count < 1 || count > block || count > plain.length) return undefined;
  return plain.subarray(-count).every((byte) => byte === count) ? plain.subarray(0, -count) : undefined;
};

/** RC2 in CBC mode, padding left on. `data` is a multiple of eight bytes. */
export const rc2CbcDecrypt = (key: Uint8Array, effectiveBits: number, iv: Uint8Array, data: Uint8Array): Buffer => {
  const keys = expandKey(key, effectiveBits);
  const plain = Buffer.alloc(data.length);
  const words = new Uint16Array(4);
  let before = iv;
  for (let offset = 0; offset + 8 <= data.length; offset += 8) {
    const block = data.subarray(offset, offset + 8);
    for (let i = 0; i < 4; i += 1) words[i] = (block[2 * i] ?? 0) | ((block[2 * i + 1] ?? 0) << 8);
    decryptBlock(words, keys);
    for (let i = 0; i < 8; i += 1) {
      const word = words[i >> 1] ?? 0;
      plain[offset + i] = ((i & 1) === 0 ? word & 0xff : word >> 8) ^ (before[i] ?? 0);
    }
    before = block;
  }
  return plain;
};

/** RC4; the same function encrypts and decrypts. */
export const rc4 = (key: Uint8Array, data: Uint8Array): Buffer => {
  const state = Uint8Array.from({ length: 256 }, (_, i) => i);
  const swap = (a: number, b: number): void => {
    const kept = state[a] ?? 0;
    state[a] = state[b] ?? 0;
    state[b] = kept;
  };
  for (let i = 0, j = 0; i < 256; i += 1) {
    j = (j + (state[i] ?? 0) + (key[i % key.length] ?? 0)) & 0xff;
    swap(i, j);
  }
  const out = Buffer.alloc(data.length);
  for (let n = 0, i = 0, j = 0; n < data.length; n += 1) {
    i = (i + 1) & 0xff;
    j = (j + (state[i] ?? 0)) & 0xff;
    swap(i, j);
    out[n] = (data[n] ?? 0) ^ (state[((state[i] ?? 0) + (state[j] ?? 0)) & 0xff] ?? 0);
  }
  return out;
};
