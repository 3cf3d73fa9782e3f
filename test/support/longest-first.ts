import { BaseSequencer, type TestSpecification } from 'vitest/node';

/**
 * Files that mostly wait (for timers of the standards, for peers, for sounds to end), longest first. Begun early they
 * cost no time of their own; begun last they would be all that still runs. Nobody has measured a file on a fresh clone,
 * so the order is written down.
 */
const longest = [
  'test/sip/calls/session-timers.test.ts',
  'test/chaos/lost-parts.test.ts',
  'test/chaos/instances.test.ts',
  'src/telephony/media/plane.test.ts',
  'test/sip/parser-fuzz.test.ts',
  'test/sip/calls/load.test.ts',
  'test/drachtio/srf-suite.test.ts',
  'test/sip/transfer/telephones.test.ts',
  'test/integration/zendesk-race.test.ts',
  'test/sip/calls/ending.test.ts',
  'src/domain/actions/deadline.test.ts',
  'test/sip/calls/refusals.test.ts',
  'test/sip/transfer/outcomes.test.ts',
  'src/domain/sessions/ownership.test.ts',
];

const place = ({ moduleId }: TestSpecification): number => {
  const at = longest.findIndex((file) => moduleId.endsWith(`/${file}`));
  return at < 0 ? longest.length : at;
};

export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    return (await super.sort(files)).toSorted((a, b) => place(a) - place(b));
  }
}
