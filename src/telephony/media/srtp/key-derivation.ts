import { createCipheriv } from 'node:crypto';

/** What one direction of one SRTP session works with (RFC 3711 section 4.3.1, key derivation rate 0). */
export type SrtpKeys = {
  readonly cipherKey: Uint8Array;
  readonly authKey: Uint8Array;
  readonly salt: Uint8Array;
};

const masterKeyLength = 16;
const labels = { rtp: { cipher: 0, auth: 1, salt: 2 }, rtcp: { cipher: 3, auth: 4, salt: 5 } } as const;

/** @param key master key (16 bytes) and master salt (14 bytes), as SDES carries them */
export const deriveKeys = (key: Uint8Array, kind: 'rtp' | 'rtcp'): SrtpKeys => {
  const derive = (label: number, length: number): Uint8Array => {
    const iv = new Uint8Array(16);
    iv.set(key.subarray(masterKeyLength, masterKeyLength + 14));
    iv[7]! ^= label;
    // AES in counter mode over zeros is the key stream itself.
    const cipher = createCipheriv('aes-128-ctr', key.subarray(0, masterKeyLength), iv);
    return new Uint8Array(cipher.update(new Uint8Array(length)));
  };
  const { cipher, auth, salt } = labels[kind];
  return { cipherKey: derive(cipher, 16), authKey: derive(auth, 20), salt: derive(salt, 14) };
};
