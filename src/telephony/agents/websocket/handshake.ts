import { createHmac } from 'node:crypto';
import type { BotConfig } from './config.js';

/** Reads one secret of an organization; null when there is none of that name. Rejects with GatewayError. */
export type SecretOf = (orgId: string, name: string) => Promise<string | null>;

/** What is signed with the shared secret: time in seconds, session and the path with its query. */
export const signedText = (timestamp: string, sessionId: string, url: URL): string =>
  `${timestamp}.${sessionId}.${url.pathname}${url.search}`;

/**
 * The headers of the opening handshake, by which a bot knows who calls: a bearer token, a signature, or both. In Twilio's
 * dialect the signature is Twilio's own (base64 of HMAC-SHA1 over the URL), so that its helper libraries validate it.
 * Rejects with a sentence when a secret is missing.
 */
export const handshakeHeaders = async (
  config: BotConfig,
  call: { readonly orgId: string; readonly sessionId: string; readonly now: number },
  secretOf: SecretOf,
): Promise<Readonly<Record<string, string>>> => {
  const secret = async (name: string): Promise<string> => {
    const value = await secretOf(call.orgId, name);
    if (value === null)
      throw new Error(`The secret ${JSON.stringify(name)}, which the bot's leg names, does not exist.`);
    return value;
  };
  const headers: Record<string, string> = { 'user-agent': 'voice-gateway' };
  if (config.dialect === 'gateway') headers['x-voice-gateway-session'] = call.sessionId;
  if (config.bearer !== null) headers.authorization = `Bearer ${await secret(config.bearer)}`;
  if (config.signature === null) return headers;
  const key = await secret(config.signature);
  if (config.dialect === 'twilio') {
    headers['x-twilio-signature'] = createHmac('sha1', key).update(config.url.href).digest('base64');
    return headers;
  }
  const timestamp = String(Math.floor(call.now / 1_000));
  const mac = createHmac('sha256', key)
    .update(signedText(timestamp, call.sessionId, config.url))
    .digest('hex');
  return { ...headers, 'x-voice-gateway-timestamp': timestamp, 'x-voice-gateway-signature': `v1=${mac}` };
};
