// The container's HEALTHCHECK: exits 0 when the gateway's process answers on HTTP_LISTEN.
const { HTTP_LISTEN = '127.0.0.1:8080' } = process.env;
const port = HTTP_LISTEN.slice(HTTP_LISTEN.lastIndexOf(':') + 1);
const host = HTTP_LISTEN.slice(0, HTTP_LISTEN.lastIndexOf(':')).replace(/^(0\.0\.0\.0|\[::\])$/, '127.0.0.1');
const answer = await fetch(`http://${host}:${port}/livez`, { signal: AbortSignal.timeout(2_500) }).catch(() => null);
process.exit(answer?.ok === true ? 0 : 1);
