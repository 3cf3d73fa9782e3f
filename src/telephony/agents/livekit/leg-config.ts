import { z } from 'zod';
import { faultsOf } from '../../../core/faults.js';
import { roomNameFault } from './room-name.js';

/** What the caller gets when the agent is lost: the agent's fall-back destination, a message, or the end of the call. */
const remedy = z.enum(['destination', 'message', 'hangup'], 'must be destination, message or hangup');
const attributeName = z
  .string()
  .regex(/^[A-Za-z0-9_.-]{1,128}$/, 'must be 1 to 128 letters, digits, dots, - or _')
  .refine((name) => !reserved.has(name), 'is an attribute the gateway sets itself');
const headerName = z.string().regex(/^(x-[!#$%&'*+.^_`|~0-9a-z-]{1,120}|user-to-user)$/i, 'must be an X- header');

const reserved = new Set([
  'sip.callID',
  'sip.callIDFull',
  'sip.callTag',
  'sip.callStatus',
  'sip.hostname',
  'sip.phoneNumber',
  'sip.ruleID',
  'sip.trunkID',
  'sip.trunkPhoneNumber',
]);

/** A LiveKit agent's leg in the document of an organization. Durations in seconds. */
export const legSchema = z.strictObject({
  type: z.literal('livekit'),
  agentName: z.string().min(1, 'must not be empty').max(255, 'must not be longer than 255 characters'),
  room: z
    .string()
    .default('call-{session}')
    .superRefine((template, context) => {
      const fault = roomNameFault(template);
      if (fault !== null) context.addIssue({ code: 'custom', message: fault });
    }),
  answer: z.enum(['when-ready', 'at-once'], 'must be when-ready or at-once').default('when-ready'),
  readyWithin: z
    .number()
    .min(1, 'must be at least 1 second')
    .max(600, 'must be at most 600 seconds')
    .nullable()
    .default(null),
  hideNumber: z.boolean().default(false),
  includeHeaders: z.enum(['none', 'x', 'all'], 'must be none, x or all').default('none'),
  headerAttributes: z.record(headerName, attributeName).default({}),
  attributes: z.record(attributeName, z.string().max(1_024, 'must not be longer than 1024 characters')).default({}),
  metadata: z
    .record(
      z.string().refine((name) => name !== 'voiceGateway', 'is the gateway’s own'),
      z.json(),
    )
    .default({}),
  onLost: z
    .strictObject({
      neverJoined: remedy.default('destination'),
      left: remedy.default('destination'),
      removed: remedy.default('hangup'),
      roomDeleted: remedy.default('hangup'),
      unreachable: remedy.default('destination'),
    })
    .prefault({}),
  message: z.string().min(1, 'must not be empty').max(1_000, 'must not be longer than 1000 characters').optional(),
});

export type LegConfig = z.output<typeof legSchema>;
export type Loss = keyof LegConfig['onLost'];
export type Remedy = z.output<typeof remedy>;

/** Faults of a leg's configuration, with paths below it. */
export const legFaults = (config: unknown): readonly { readonly path: string; readonly message: string }[] => {
  const result = legSchema.safeParse(config);
  return result.success ? [] : faultsOf(result.error.issues);
};
