import type { Session } from '../../app/live.js';

export type EndReason = NonNullable<Session['endReason']>;

export const endWords: Readonly<Record<EndReason, string>> = {
  'caller-hangup': 'Caller hung up',
  'destination-hangup': 'Human hung up',
  'agent-hangup': 'Agent hung up',
  'api-hangup': 'Ended by hand',
  cancelled: 'Caller gave up',
  rejected: 'Not taken',
  'no-media': 'No sound',
  'max-duration': 'Too long',
  drain: 'Gateway stopped',
  'instance-lost': 'Gateway lost',
  error: 'Error',
};

export const endReasons = Object.keys(endWords) as readonly EndReason[];
