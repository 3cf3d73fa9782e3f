import twilio from 'twilio';

/** One request to Twilio's REST API, ready to be sent. */
export type TwilioRequest = {
  readonly method: string;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  /** Form-encoded. */
  readonly body: string | undefined;
};

/** Sends a request. Rejects with GatewayError twilio_unavailable when no answer came. */
export type TwilioSend = (request: TwilioRequest) => Promise<{
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}>;

export type TwilioAccountOptions = {
  readonly accountSid: string;
  readonly authToken: string;
  /** Asked instead of Twilio's own hosts: a proxy of the operator's. */
  readonly apiUrl?: string;
  readonly send: TwilioSend;
  /** Resolves after ms. */
  readonly pause: (ms: number) => Promise<void>;
};

/** The operator's account at Twilio, as the `twilio` package sees it. */
export type TwilioAccount = ReturnType<typeof twilio>;

/** Requests that Twilio turned away as too many, ms until each next try (REST API best practices: back off). */
const retries = [500, 1_000, 2_000];
/** Longest Retry-After that is waited for, ms: somebody waits for the answer. */
const PATIENCE = 3_000;

const encode = (values: object | undefined): URLSearchParams => {
  const encoded = new URLSearchParams();
  for (const [name, value] of Object.entries(values ?? {})) {
    for (const each of Array.isArray(value) ? value : [value]) {
      if (each !== undefined && each !== null) encoded.append(name, String(each));
    }
  }
  return encoded;
};

const waitOf = (header: string | string[] | undefined, otherwise: number): number => {
  const seconds = Number(header);
  return header !== undefined && Number.isFinite(seconds) ? seconds * 1_000 : otherwise;
};

/**
 * Twilio's own client on our own connections: the package builds requests and reads answers, the gateway's guard dials.
 * A request that is too many (429) was not carried out and is sent again, at most three times.
 */
export const openTwilioAccount = (options: TwilioAccountOptions): TwilioAccount => {
  const { accountSid, authToken, apiUrl, send, pause } = options;
  const address = (uri: string): URL => {
    const asked = new URL(uri);
    return apiUrl === undefined ? asked : new URL(`${asked.pathname}${asked.search}`, apiUrl);
  };
  const httpClient = new twilio.RequestClient();
  httpClient.request = async (request) => {
    const url = address(request.uri);
    for (const [name, value] of encode(request.params)) url.searchParams.append(name, value);
    const credential = `${request.username ?? accountSid}:${request.password ?? authToken}`;
    const headers: Record<string, string> = { Authorization: `Basic ${Buffer.from(credential).toString('base64')}` };
    for (const [name, value] of Object.entries(request.headers ?? {})) headers[name] = String(value);
    const body = request.data === undefined ? undefined : encode(Object(request.data)).toString();
    for (let attempt = 0; ; attempt += 1) {
      const answer = await send({ method: request.method.toUpperCase(), url, headers, body });
      const next = retries[attempt];
      const wait = next === undefined ? Number.POSITIVE_INFINITY : waitOf(answer.headers['retry-after'], next);
      if (answer.status !== 429 || wait > PATIENCE) {
        // The package reads the text by itself; its types speak of what it makes of it.
        return { statusCode: answer.status, body: answer.body as never, headers: answer.headers };
      }
      await pause(wait);
    }
  };
  // Not the process' environment: what is not configured is not used.
  return twilio(accountSid, authToken, { httpClient, env: {} });
};
