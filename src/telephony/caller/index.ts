export { type CallEventName, type CallPlan, type CallReport, placeTestCall } from './caller.js';
export { type Press, parseDtmf } from './dtmf-plan.js';
