/** A drachtio-server the tests may use instead of the embedded engine. */
export type GivenServer = {
  readonly host: string;
  readonly port: number;
  readonly secret: string;
  /** `address:port` for UDP and TCP. */
  readonly sipAddress: string;
};

/**
 * `TEST_DRACHTIO=host:port:secret:sipaddress`, the SIP address with its port, for UDP and TCP; null when it is not set.
 * The server must listen on loopback and know no other application, so test files that use it run one after the other.
 */
export const givenServer = (): GivenServer | null => {
  const [host, port, secret, ...sipAddress] = (process.env.TEST_DRACHTIO ?? '').split(':');
  if (host === undefined || port === undefined || secret === undefined || sipAddress.length === 0) return null;
  return { host, port: Number(port), secret, sipAddress: sipAddress.join(':') };
};

/** What makes a gateway use the given server; nothing without one. */
export const givenServerEnvironment = (): Readonly<Record<string, string>> => {
  const given = givenServer();
  if (given === null) return {};
  return { DRACHTIO_HOST: given.host, DRACHTIO_PORT: String(given.port), DRACHTIO_SECRET: given.secret };
};
