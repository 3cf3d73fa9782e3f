/**
 * TEST_RTPENGINE=host:port lets the suites of transfers run with an rtpengine that is there already, as they are:
 * whatever they demand of a connected call holds with its media there, too.
 */
export const givenRelayEnvironment = (): Readonly<Record<string, string>> => {
  const given = process.env.TEST_RTPENGINE;
  return given === undefined || given === '' ? {} : { RTPENGINE: given };
};
