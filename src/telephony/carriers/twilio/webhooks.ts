import twilio from 'twilio';

/** Parameters of a webhook by name; several values of one name as a list. */
export type WebhookParameters = Readonly<Record<string, string | readonly string[]>>;

/**
 * Reads a form (application/x-www-form-urlencoded), as Twilio posts its webhooks. No prototype: a name is whatever
 * somebody sent.
 */
export const webhookParameters = (body: string): WebhookParameters => {
  const form = new URLSearchParams(body);
  const read: Record<string, string | readonly string[]> = Object.create(null);
  for (const name of new Set(form.keys())) {
    const values = form.getAll(name);
    read[name] = values.length === 1 ? (values[0] ?? '') : values;
  }
  return read;
};

/**
 * True when Twilio, or whoever has the auth token, has sent this body to this URL: base64 HMAC-SHA1 over the URL and the
 * sorted parameters of a form; where the URL says `bodySHA256`, as for JSON, over the URL alone, and the body must have that
 * digest (https://www.twilio.com/docs/usage/security). `url` is what Twilio was told to call, query included; with and
 * without its standard port counts as the same.
 */
export const isSignedByTwilio = (
  authToken: string,
  signature: string | undefined,
  url: string,
  body: string,
): boolean => {
  if (signature === undefined || signature === '' || !URL.canParse(url)) return false;
  return new URL(url).searchParams.has('bodySHA256')
    ? twilio.validateRequestWithBody(authToken, signature, url, body)
    : twilio.validateRequest(authToken, signature, url, webhookParameters(body));
};

export type DialGateway = {
  /** SIP address of the gateway, the dialled number as its user part. */
  readonly uri: string;
  /** Seconds until an unanswered call is given up. */
  readonly ringTimeout: number;
  /** Seconds a call may last; Twilio takes at most 86,400. */
  readonly timeLimit: number;
  /** Where Twilio tells how the call to the gateway went. */
  readonly statusCallback: string;
};

/** TwiML that calls the gateway. The caller hears it ring until the gateway answers, and is not charged before. */
export const dialGateway = ({ uri, ringTimeout, timeLimit, statusCallback }: DialGateway): string => {
  const response = new twilio.twiml.VoiceResponse();
  const dial = response.dial({ answerOnBridge: true, timeout: ringTimeout, timeLimit: Math.min(timeLimit, 86_400) });
  dial.sip({ statusCallback, statusCallbackMethod: 'POST', statusCallbackEvent: ['answered', 'completed'] }, uri);
  return response.toString();
};

/** TwiML that refuses a call before it costs anything. */
export const rejectCall = (): string => {
  const response = new twilio.twiml.VoiceResponse();
  response.reject({ reason: 'rejected' });
  return response.toString();
};
