/** The SRTP suites of RFC 4568 section 6.2 that we speak, strongest first. */
export const srtpSuites = ['AES_CM_128_HMAC_SHA1_80', 'AES_CM_128_HMAC_SHA1_32'] as const;
export type SrtpSuite = (typeof srtpSuites)[number];

/** Bytes of master key and master salt together, as SDES carries them. */
export const srtpKeyLength = 30;

/** Bytes of the authentication tag behind an RTP packet. */
export const srtpTagLength: Readonly<Record<SrtpSuite, number>> = {
  AES_CM_128_HMAC_SHA1_80: 10,
  AES_CM_128_HMAC_SHA1_32: 4,
};

/** SRTCP keeps the long tag with either suite (RFC 4568 section 6.2.2), before it an index of four bytes. */
export const srtcpTagLength = 10;
