import { BaseSequencer, type TestSpecification } from 'vitest/node';

/**
 * Files that take long, longest first. Begun early they cost no time of their own; begun last they would be all that still
 * runs. Nobody has measured a file on a fresh clone, so the order is written down.
 */
const longest = [
  'test/sip/calls/session-timers.test.ts',
  'test/sip/calls/load.test.ts',
  // Beside the load what takes the least of the processors.
  'src/domain/sessions/ownership.test.ts',
  'src/domain/actions/deadline.test.ts',
  'src/telephony/media/plane.test.ts',
  'test/chaos/lost-parts.test.ts',
  'test/chaos/instances.test.ts',
  'test/livekit/calls.test.ts',
  'test/sip/parser-fuzz.test.ts',
  'test/livekit/sip-api.test.ts',
  'test/drachtio/srf-suite.test.ts',
  'test/sip/calls/refusals.test.ts',
  'test/sip/calls/ending.test.ts',
  'test/integration/zendesk-race.test.ts',
  'test/integration/agent-doors.test.ts',
  'test/livekit/children.test.ts',
  'test/sip/transfer/outcomes.test.ts',
  'test/demo/demo.test.ts',
  'test/sip/transfer/telephones.test.ts',
  'test/integration/zendesk-enrichment.test.ts',
];

/** The small files of `src` come last, one behind the other: only then does one process take them all. */
const place = ({ moduleId, project }: TestSpecification): number => {
  const at = longest.findIndex((file) => moduleId.endsWith(`/${file}`));
  if (at >= 0) return at;
  return project.name === 'units' ? longest.length + 1 : longest.length;
};

export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    return (await super.sort(files)).toSorted((a, b) => place(a) - place(b));
  }
}
