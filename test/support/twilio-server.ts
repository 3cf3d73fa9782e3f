import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

type Json = Record<string, unknown>;
type Answer = readonly [status: number, body: Json | null];

export type TwilioTrouble = {
  /** Matches `METHOD /path`. */
  readonly on: RegExp;
  readonly status: number;
  /** Twilio's error code; none: the body is no JSON. */
  readonly code?: number;
  readonly message?: string;
  readonly retryAfter?: number;
  /** How often; default for ever. */
  times?: number;
};

/**
 * Twilio's REST API as its documentation has it: available and incoming numbers, validation requests and outgoing caller
 * ids, SIP credential lists (2010-04-01), trunks with their origination URLs, credential lists and numbers (trunking v1).
 * Basic authentication, forms in, JSON out, pages, and the error bodies of the documentation.
 */
export type TwilioServer = {
  readonly url: string;
  readonly accountSid: string;
  readonly authToken: string;
  /** Numbers for sale; one that is bought leaves. */
  readonly offered: Set<string>;
  /** Bought numbers by sid. */
  readonly numbers: Map<string, Json>;
  readonly callerIds: Map<string, Json>;
  readonly validations: Json[];
  readonly trunks: Map<string, Json>;
  readonly credentialLists: Map<string, Json>;
  /** `METHOD /path` of every request. */
  readonly requests: string[];
  readonly changes: () => readonly string[];
  trouble(entry: TwilioTrouble): void;
  /** Whoever was called has pressed the code. */
  pressCode(number: string, code: string): boolean;
  close(): Promise<void>;
};

const PAGE = 50;
const errorBody = (status: number, code: number, message: string): Json => ({
  code,
  message,
  more_info: `https://www.twilio.com/docs/errors/${code}`,
  status,
});
const truth = (value: unknown): boolean => value === 'true';

export const startTwilioServer = async (): Promise<TwilioServer> => {
  const accountSid = `AC${'0123456789abcdef'.repeat(2)}`;
  const authToken = 'twilio-auth-token-1';
  const offered = new Set<string>();
  const [numbers, callerIds, trunks, credentialLists] = [1, 2, 3, 4].map(() => new Map<string, Json>()) as [
    Map<string, Json>,
    Map<string, Json>,
    Map<string, Json>,
    Map<string, Json>,
  ];
  /** Children of trunks and lists: `sid kind` to records. */
  const inner = new Map<string, Map<string, Json>>();
  const validations: Json[] = [];
  const requests: string[] = [];
  let troubles: TwilioTrouble[] = [];
  let serial = 0;

  const newSid = (prefix: string): string => {
    serial += 1;
    return `${prefix}${createHash('md5').update(String(serial)).digest('hex')}`;
  };
  const under = (sid: string, kind: string): Map<string, Json> => {
    const key = `${sid} ${kind}`;
    const found = inner.get(key) ?? new Map<string, Json>();
    inner.set(key, found);
    return found;
  };
  const times = { date_created: 'Mon, 30 Nov 2026 04:00:00 +0000', date_updated: 'Mon, 30 Nov 2026 04:00:00 +0000' };
  const isoTimes = { date_created: '2026-11-30T04:00:00Z', date_updated: '2026-11-30T04:00:00Z' };
  const notFound = (path: string): Answer => [
    404,
    errorBody(404, 20404, `The requested resource ${path} was not found`),
  ];
  const base = `/2010-04-01/Accounts/${accountSid}`;

  /** A page in the form of the 2010 API. */
  const page = (key: string, path: string, records: readonly Json[], query: URLSearchParams): Answer => {
    const size = Number(query.get('PageSize') ?? PAGE);
    const at = Number(query.get('Page') ?? 0);
    const more = records.length > (at + 1) * size;
    const next = new URLSearchParams(query);
    next.set('Page', String(at + 1));
    return [
      200,
      {
        [key]: records.slice(at * size, (at + 1) * size),
        page: at,
        page_size: size,
        uri: path,
        first_page_uri: path,
        previous_page_uri: null,
        next_page_uri: more ? `${path}?${next}` : null,
      },
    ];
  };
  /** And of the newer ones. */
  const metaPage = (key: string, path: string, records: readonly Json[]): Answer => [
    200,
    {
      [key]: records,
      meta: {
        key,
        page: 0,
        page_size: PAGE,
        url: path,
        first_page_url: path,
        previous_page_url: null,
        next_page_url: null,
      },
    },
  ];

  const incoming = (form: URLSearchParams): Answer => {
    const number = form.get('PhoneNumber') ?? '';
    if (!/^\+[1-9]\d{6,14}$/.test(number)) return [400, errorBody(400, 21421, `PhoneNumber ${number} is invalid`)];
    if (!offered.delete(number)) return [400, errorBody(400, 21422, `${number} is not available`)];
    const trunk = form.get('TrunkSid');
    const record: Json = {
      ...{ sid: newSid('PN'), account_sid: accountSid, phone_number: number, ...times },
      friendly_name: form.get('FriendlyName') ?? number,
      trunk_sid: trunk,
      // A trunk wins over the webhook.
      voice_url: trunk === null ? (form.get('VoiceUrl') ?? '') : '',
      voice_method: 'POST',
      capabilities: { voice: true, sms: true, mms: false, fax: false },
      address_requirements: 'none',
      beta: false,
      origin: 'twilio',
      status: 'in-use',
    };
    numbers.set(String(record.sid), record);
    if (trunk !== null) under(trunk, 'PhoneNumbers').set(String(record.sid), record);
    return [201, record];
  };

  const validation = (form: URLSearchParams): Answer => {
    const number = form.get('PhoneNumber') ?? '';
    if ([...callerIds.values()].some((each) => each.phone_number === number))
      return [400, errorBody(400, 21450, `Phone number already validated for your Account ${number}`)];
    const request: Json = {
      account_sid: accountSid,
      call_sid: newSid('CA'),
      friendly_name: form.get('FriendlyName') ?? number,
      phone_number: number,
      validation_code: String(100_000 + ((serial * 7_919) % 900_000)),
    };
    validations.push({ ...request, status_callback: form.get('StatusCallback') });
    return [200, request];
  };

  const account = (method: string, path: string, query: URLSearchParams, form: URLSearchParams): Answer => {
    const rest = path.slice(base.length).replace(/\.json$/, '');
    const sale = /^\/AvailablePhoneNumbers\/([A-Z]{2})\/(Local|Mobile|TollFree)$/.exec(rest);
    if (sale !== null) {
      if (sale[1] !== 'US') return notFound(path);
      const digits = (query.get('Contains') ?? '').replace(/[^\d]/g, '');
      const fits = [...offered].filter(
        (number) => number.slice(2).startsWith(query.get('AreaCode') ?? '') && number.includes(digits),
      );
      const records = fits.map((number) => ({
        ...{ friendly_name: `(${number.slice(2, 5)}) ${number.slice(5, 8)}-${number.slice(8)}`, phone_number: number },
        ...{ lata: '722', locality: 'San Francisco', rate_center: 'SNFC CNTRL', latitude: '37.7', longitude: '-122.4' },
        ...{ region: 'CA', postal_code: '94102', iso_country: 'US', address_requirements: 'none', beta: false },
        capabilities: { voice: true, SMS: true, MMS: false },
      }));
      return page('available_phone_numbers', path, records, query);
    }
    if (rest === '/IncomingPhoneNumbers') {
      if (method === 'POST') return incoming(form);
      const part = query.get('PhoneNumber') ?? '';
      const records = [...numbers.values()].filter((each) => String(each.phone_number).includes(part));
      return page('incoming_phone_numbers', path, records, query);
    }
    const owned = /^\/IncomingPhoneNumbers\/(PN\w+)$/.exec(rest)?.[1];
    if (owned !== undefined) {
      if (!numbers.has(owned)) return notFound(path);
      if (method !== 'DELETE') return [200, numbers.get(owned) ?? {}];
      numbers.delete(owned);
      for (const sid of trunks.keys()) under(sid, 'PhoneNumbers').delete(owned);
      return [204, null];
    }
    if (rest === '/OutgoingCallerIds') {
      if (method === 'POST') return validation(form);
      const part = query.get('PhoneNumber') ?? '';
      const records = [...callerIds.values()].filter((each) => String(each.phone_number).includes(part));
      return page('outgoing_caller_ids', path, records, query);
    }
    if (rest === '/SIP/CredentialLists') {
      if (method === 'GET') return page('credential_lists', path, [...credentialLists.values()], query);
      const record = { sid: newSid('CL'), account_sid: accountSid, friendly_name: form.get('FriendlyName'), ...times };
      credentialLists.set(record.sid, record);
      return [201, record];
    }
    const [, list = '', credential] = /^\/SIP\/CredentialLists\/(CL\w+)\/Credentials(?:\/(CR\w+))?$/.exec(rest) ?? [];
    if (!credentialLists.has(list)) return notFound(path);
    const credentials = under(list, 'Credentials');
    if (credential === undefined && method === 'GET') {
      // Never the password.
      return page(
        'credentials',
        path,
        [...credentials.values()].map(({ password: _, ...shown }) => shown),
        query,
      );
    }
    const password = form.get('Password') ?? '';
    if (!/^(?=.*[a-z])(?=.*[A-Z])(?=.*\d).{12,}$/.test(password))
      return [400, errorBody(400, 21243, 'Password must be at least 12 characters with mixed case and a digit')];
    const known = credential === undefined ? undefined : credentials.get(credential);
    const { password: _, ...shown } = {
      ...(known ?? { sid: newSid('CR'), account_sid: accountSid, credential_list_sid: list, ...times }),
      username: known?.username ?? form.get('Username'),
      password,
    };
    credentials.set(String(Reflect.get(shown, 'sid')), { ...shown, password });
    return [known === undefined ? 201 : 200, shown];
  };

  const trunking = (method: string, path: string, form: URLSearchParams): Answer => {
    const [, sid, kind, child] =
      /^\/v1\/Trunks(?:\/(TK\w+)(?:\/(OriginationUrls|CredentialLists|PhoneNumbers)(?:\/(\w+))?)?)?$/.exec(path) ?? [];
    const fields = (known: Json): Json => ({
      ...known,
      ...(form.has('FriendlyName') ? { friendly_name: form.get('FriendlyName') } : {}),
      ...(form.has('DomainName') ? { domain_name: form.get('DomainName') } : {}),
      ...(form.has('TransferMode') ? { transfer_mode: form.get('TransferMode') } : {}),
      ...(form.has('Secure') ? { secure: truth(form.get('Secure')) } : {}),
    });
    if (sid === undefined) {
      if (method === 'GET') return metaPage('trunks', path, [...trunks.values()]);
      const domain = form.get('DomainName') ?? '';
      if (!domain.endsWith('.pstn.twilio.com')) return [400, errorBody(400, 21245, 'Invalid DomainName')];
      const record = fields({
        ...{ sid: newSid('TK'), account_sid: accountSid, transfer_caller_id: 'from-transferee', ...isoTimes },
        ...{ transfer_mode: 'disable-all', secure: false, cnam_lookup_enabled: false, symmetric_rtp_enabled: false },
        ...{ auth_type: '', auth_type_set: [], disaster_recovery_url: null, disaster_recovery_method: null },
      });
      trunks.set(String(record.sid), record);
      return [201, record];
    }
    const trunk = trunks.get(sid);
    if (trunk === undefined) return notFound(path);
    if (kind === undefined) {
      if (method === 'POST') trunks.set(sid, fields(trunk));
      return [200, trunks.get(sid) ?? {}];
    }
    const children = under(sid, kind);
    if (kind === 'OriginationUrls') {
      if (method === 'GET') return metaPage('origination_urls', path, [...children.values()]);
      const known = child === undefined ? undefined : children.get(child);
      const record: Json = {
        ...(known ?? { sid: newSid('OU'), account_sid: accountSid, trunk_sid: sid, ...isoTimes }),
        ...(form.has('Weight') ? { weight: Number(form.get('Weight')) } : {}),
        ...(form.has('Priority') ? { priority: Number(form.get('Priority')) } : {}),
        ...(form.has('Enabled') ? { enabled: truth(form.get('Enabled')) } : {}),
        ...(form.has('FriendlyName') ? { friendly_name: form.get('FriendlyName') } : {}),
        ...(form.has('SipUrl') ? { sip_url: form.get('SipUrl') } : {}),
      };
      if (!/^sips?:/.test(String(record.sip_url))) return [400, errorBody(400, 21245, 'Invalid SipUrl')];
      children.set(String(record.sid), record);
      return [known === undefined ? 201 : 200, record];
    }
    if (kind === 'CredentialLists') {
      if (method === 'GET') return metaPage('credential_lists', path, [...children.values()]);
      const list = credentialLists.get(form.get('CredentialListSid') ?? '');
      if (list === undefined) return notFound(path);
      const record = { ...list, trunk_sid: sid, ...isoTimes };
      children.set(String(list.sid), record);
      return [201, record];
    }
    if (method === 'GET') return metaPage('phone_numbers', path, [...children.values()]);
    const number = numbers.get(form.get('PhoneNumberSid') ?? '');
    if (number === undefined) return notFound(path);
    Object.assign(number, { trunk_sid: sid, voice_url: '' });
    children.set(String(number.sid), number);
    return [201, { ...number, ...isoTimes }];
  };

  const answer = (request: IncomingMessage, url: URL, form: URLSearchParams): Answer => {
    const expected = `Basic ${Buffer.from(`${accountSid}:${authToken}`).toString('base64')}`;
    if (request.headers.authorization !== expected) return [401, errorBody(401, 20003, 'Authenticate')];
    const method = request.method ?? 'GET';
    if (url.pathname === `${base}.json`)
      return [200, { sid: accountSid, friendly_name: 'Acme', status: 'active', type: 'Full', ...times }];
    if (url.pathname.startsWith(`${base}/`)) return account(method, url.pathname, url.searchParams, form);
    if (url.pathname.startsWith('/v1/Trunks')) return trunking(method, url.pathname, form);
    return notFound(url.pathname);
  };

  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(Buffer.from(chunk as Buffer));
    const url = new URL(request.url ?? '/', 'http://twilio.test');
    const line = `${request.method ?? ''} ${url.pathname}`;
    requests.push(line);
    const trouble = troubles.find((entry) => entry.on.test(line));
    if (trouble?.times !== undefined) {
      trouble.times -= 1;
      if (trouble.times <= 0) troubles = troubles.filter((entry) => entry !== trouble);
    }
    if (trouble !== undefined) {
      const { status, code, message = 'Trouble', retryAfter } = trouble;
      response.writeHead(status, {
        'content-type': code === undefined ? 'text/html' : 'application/json',
        ...(retryAfter === undefined ? {} : { 'retry-after': String(retryAfter) }),
      });
      response.end(code === undefined ? '<html>' : JSON.stringify(errorBody(status, code, message)));
      return;
    }
    const [status, body] = answer(request, url, new URLSearchParams(Buffer.concat(chunks).toString('utf8')));
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(body === null ? undefined : JSON.stringify(body));
  };

  const server = createServer((request, response) => {
    handle(request, response).catch(() => response.writeHead(500).end());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    ...{ accountSid, authToken, offered, numbers, callerIds, validations, trunks, credentialLists, requests },
    changes: () => requests.filter((line) => !line.startsWith('GET ')),
    trouble: (entry) => void troubles.push({ ...entry }),
    pressCode(number, code) {
      const request = validations.find((each) => each.phone_number === number && each.validation_code === code);
      if (request === undefined) return false;
      const sid = newSid('PN');
      callerIds.set(sid, {
        ...{ sid, account_sid: accountSid, phone_number: number, friendly_name: request.friendly_name, ...times },
      });
      return true;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
};
