export { openTwilioAccount, type TwilioAccount, type TwilioSend } from './account.js';
export { explainTwilioError, twilioErrors } from './failures.js';
export { type NumberStanding, type OwnedNumber, type TwilioNumbers, twilioNumbers } from './numbers.js';
export { setUpTrunk, type TrunkPlan, type TrunkReport, trunkNamed } from './trunk.js';
export {
  dialGateway,
  isSignedByTwilio,
  rejectCall,
  type WebhookParameters,
  webhookParameters,
} from './webhooks.js';
