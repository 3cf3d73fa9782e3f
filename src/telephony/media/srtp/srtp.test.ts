import { createCipheriv, randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { writeRtpHeader } from '../rtp-packet.js';
import { deriveKeys } from './key-derivation.js';
import { createBlockCipher, createKeystream } from './keystream.js';
import { estimateIndex } from './packet-index.js';
import { createReplayWindow } from './replay-window.js';
import { createSrtpReceiver, createSrtpSender, srtpOverhead, srtpRefusal } from './srtp.js';
import { srtpSuites } from './suite.js';

const hex = (text: string): Buffer => Buffer.from(text.replace(/\s/g, ''), 'hex');
const masterKey = hex('E1F97A0D3E018BE0D64FA32C06DE4139 0EC675AD498AFEEBB6960B3AABE6');

const packetOf = (sequence: number, ssrc = 0xcafebabe, payload = 160): Buffer => {
  const packet = Buffer.alloc(12 + payload + srtpOverhead);
  writeRtpHeader(packet, 0, false, sequence & 0xffff, sequence * 160, ssrc);
  for (let i = 0; i < payload; i++) packet[12 + i] = (sequence * 7 + i) & 0xff;
  return packet;
};

describe('RFC 3711 appendix B', () => {
  it('B.2: makes the key stream of AES counter mode', () => {
    const cipher = createBlockCipher(hex('2B7E151628AED2A6ABF7158809CF4F3C'));
    const keystream = createKeystream(cipher, hex('F0F1F2F3F4F5F6F7F8F9FAFBFCFD'), 0);
    const short = Buffer.alloc(48);
    keystream.xor(short, 0, 48, 0);
    expect(short.toString('hex').toUpperCase()).toBe(
      'E03EAD0935C95E80E166B16DD92B4EB4D23513162B02D0F72A43A2FE4A5F97AB41E95B3BB0A2E8DD477901E4FCA894C0',
    );
  });

  it('makes the same key stream as AES in counter mode for packets longer than any network carries', () => {
    const keys = deriveKeys(masterKey, 'rtp');
    const long = Buffer.alloc(5_000);
    createKeystream(createBlockCipher(keys.cipherKey), keys.salt, 0xcafebabe).xor(long, 0, 5_000, 0x1234_5678_9abc);
    const iv = Buffer.concat([keys.salt, Buffer.alloc(2)]);
    for (const [i, byte] of hex('cafebabe123456789abc').entries()) iv[4 + i]! ^= byte;
    const expected = createCipheriv('aes-128-ctr', keys.cipherKey, iv).update(Buffer.alloc(5_000));
    expect(long.equals(expected)).toBe(true);
  });

  it('B.3: derives the session keys', () => {
    const keys = deriveKeys(masterKey, 'rtp');
    expect(Buffer.from(keys.cipherKey).toString('hex').toUpperCase()).toBe('C61E7A93744F39EE10734AFE3FF7A087');
    expect(Buffer.from(keys.salt).toString('hex').toUpperCase()).toBe('30CBBC08863D8C85D49DB34A9AE1');
    expect(Buffer.from(keys.authKey).toString('hex').toUpperCase()).toBe('CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4');
  });
});

describe('the packets that libsrtp publishes for the same key', () => {
  it('protects the RTP packet to the same bytes', () => {
    const packet = Buffer.concat([hex('800f1234decafbadcafebabe'), Buffer.alloc(16, 0xab), Buffer.alloc(srtpOverhead)]);
    const length = createSrtpSender('AES_CM_128_HMAC_SHA1_80', masterKey).protect(packet, 28);
    expect(packet.subarray(0, length).toString('hex')).toBe(
      '800f1234decafbadcafebabe4e55dc4ce79978d88ca4d215949d2402b78d6acc99ea179b8dbb',
    );
  });

  it('reads its SRTCP packet', () => {
    const packet = hex('81c8000bcafebabe7128035be487b9bdbef89041f977a5a880000001993e08cd54d6c1230798');
    const length = createSrtpReceiver('AES_CM_128_HMAC_SHA1_80', masterKey).unprotectRtcp(packet, packet.length);
    expect(packet.subarray(0, length).toString('hex')).toBe(`81c8000bcafebabe${'ab'.repeat(16)}`);
  });
});

describe.each(srtpSuites)('%s', (suite) => {
  it('brings every packet through, over the wrap of the sequence number', () => {
    const sender = createSrtpSender(suite, masterKey);
    const receiver = createSrtpReceiver(suite, masterKey);
    for (let i = 0; i < 70_000; i += i < 100 || i > 65_000 ? 1 : 97) {
      const packet = packetOf(i + 65_000);
      const plain = Buffer.from(packet.subarray(0, 172));
      const length = sender.protect(packet, 172);
      if (receiver.unprotect(packet, length) !== 172 || !plain.equals(packet.subarray(0, 172))) {
        expect.fail(`packet ${i} did not come through`);
      }
    }
  });

  it('finds a peer again that has counted on elsewhere, and takes nothing twice on the way', () => {
    const sender = createSrtpSender(suite, masterKey);
    const receiver = createSrtpReceiver(suite, masterKey);
    const first = packetOf(65_000);
    const length = sender.protect(first, 172);
    const again = Buffer.from(first);
    expect(receiver.unprotect(first, length)).toBe(172);
    // Five times round, and half a time more.
    for (let i = 65_000; i < 400_000; i += 30_000) sender.protect(packetOf(i), 172);
    const late = packetOf(400_000);
    sender.protect(late, 172);
    const forged = Buffer.from(late);
    forged[20]! ^= 1;
    expect(receiver.unprotect(Buffer.from(late), length)).toBe(srtpRefusal.authentication);
    receiver.resume();
    expect(receiver.unprotect(again, length)).toBe(srtpRefusal.replayed);
    expect(receiver.unprotect(forged, length)).toBe(srtpRefusal.authentication);
    expect(receiver.unprotect(late, length)).toBe(172);
    const next = packetOf(400_001);
    sender.protect(next, 172);
    expect(receiver.unprotect(next, length)).toBe(172);
  });

  it('brings packets through in any order within the window', () => {
    const sender = createSrtpSender(suite, masterKey);
    const receiver = createSrtpReceiver(suite, masterKey);
    const packets = Array.from({ length: 64 }, (_, i) => {
      const packet = packetOf(65_500 + i);
      return { plain: Buffer.from(packet.subarray(0, 172)), length: sender.protect(packet, 172), packet };
    });
    const order = [0, ...Array.from({ length: 63 }, (_, i) => 63 - i)];
    for (const i of order) {
      const { packet, length, plain } = packets[i]!;
      expect(receiver.unprotect(packet, length)).toBe(172);
      expect(packet.subarray(0, 172).equals(plain)).toBe(true);
    }
  });

  it('brings long, short and empty payloads and CSRC lists through', () => {
    const sender = createSrtpSender(suite, masterKey);
    const receiver = createSrtpReceiver(suite, masterKey);
    for (const [sequence, size] of [0, 1, 4, 160, 192, 193, 240, 480, 1_200].entries()) {
      const packet = packetOf(sequence, 7, size);
      if (size === 160) packet[0] = 0x92;
      if (size === 160) packet.writeUInt16BE(2, 12 + 8 + 2);
      const plain = Buffer.from(packet.subarray(0, 12 + size));
      expect(receiver.unprotect(packet, sender.protect(packet, 12 + size))).toBe(12 + size);
      expect(packet.subarray(0, 12 + size).equals(plain)).toBe(true);
    }
  });

  it('refuses a packet that comes twice', () => {
    const sender = createSrtpSender(suite, masterKey);
    const receiver = createSrtpReceiver(suite, masterKey);
    const packet = packetOf(1);
    const length = sender.protect(packet, 172);
    const copy = Buffer.from(packet);
    expect(receiver.unprotect(packet, length)).toBe(172);
    expect(receiver.unprotect(copy, length)).toBe(srtpRefusal.replayed);
  });

  it('refuses a packet of which any one bit was changed, and takes the true one afterwards', () => {
    const sender = createSrtpSender(suite, masterKey);
    const receiver = createSrtpReceiver(suite, masterKey);
    const packet = packetOf(1);
    const length = sender.protect(packet, 172);
    for (let bit = 0; bit < length * 8; bit++) {
      const forged = Buffer.from(packet);
      forged[bit >> 3]! ^= 1 << (bit & 7);
      expect(receiver.unprotect(forged, length), `bit ${bit}`).toBeLessThan(0);
    }
    expect(receiver.unprotect(packet, length)).toBe(172);
  });

  it('leaves a refused packet as it came', () => {
    const receiver = createSrtpReceiver(suite, masterKey);
    const packet = packetOf(1);
    const before = Buffer.from(packet);
    expect(receiver.unprotect(packet, packet.length)).toBe(srtpRefusal.authentication);
    expect(packet.equals(before)).toBe(true);
  });

  it('keeps several SSRCs apart and forgets the oldest of very many', () => {
    const sender = createSrtpSender(suite, masterKey);
    const receiver = createSrtpReceiver(suite, masterKey);
    for (let ssrc = 1; ssrc <= 40; ssrc++) {
      const packet = packetOf(9, ssrc);
      expect(receiver.unprotect(packet, sender.protect(packet, 172))).toBe(172);
    }
  });

  it('brings RTCP through, once each', () => {
    const sender = createSrtpSender(suite, masterKey);
    const receiver = createSrtpReceiver(suite, masterKey);
    for (let i = 0; i < 20; i++) {
      const packet = Buffer.alloc(60 + srtpOverhead, i);
      packet.set(hex('80c80006cafebabe'));
      const plain = Buffer.from(packet.subarray(0, 60));
      const length = sender.protectRtcp(packet, 60);
      expect(length).toBe(74);
      const copy = Buffer.from(packet);
      expect(receiver.unprotectRtcp(packet, length)).toBe(60);
      expect(packet.subarray(0, 60).equals(plain)).toBe(true);
      expect(receiver.unprotectRtcp(copy, length)).toBe(srtpRefusal.replayed);
    }
  });

  it('never throws on 50,000 packets of noise, and accepts none', () => {
    const receiver = createSrtpReceiver(suite, masterKey);
    const noise = randomBytes(4_096);
    const packet = Buffer.alloc(256);
    for (let i = 0; i < 50_000; i++) {
      const length = (i * 31) % 257;
      noise.copy(packet, 0, (i * 17) % 3_800);
      if (i % 2 === 0) packet[0] = (packet[0]! & 0x3f) | 0x80;
      expect(receiver.unprotect(packet, length)).toBeLessThan(0);
      expect(receiver.unprotectRtcp(packet, length)).toBeLessThan(0);
    }
  });
});

describe('estimateIndex', () => {
  it.each([
    [10, 9, 10],
    [0, 65_535, 65_536],
    [65_535, 65_536, 65_535],
    [5, 131_072 + 65_530, 131_072 + 65_541],
    [65_535, 0, -1],
    [32_768, 0, 32_768],
  ])('takes sequence number %i after index %i for index %i', (sequence, highest, index) => {
    expect(estimateIndex(sequence, highest)).toBe(index);
  });
});

describe('the replay window', () => {
  it('knows the newest 128 and calls everything older seen', () => {
    const window = createReplayWindow();
    window.add(1_000);
    expect(window.seen(1_000)).toBe(true);
    expect(window.seen(999)).toBe(false);
    expect(window.seen(873)).toBe(false);
    expect(window.seen(872)).toBe(true);
    window.add(5_000);
    expect(window.seen(1_000)).toBe(true);
    expect(window.seen(4_999)).toBe(false);
  });
});
