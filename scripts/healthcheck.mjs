// The container's HEALTHCHECK: exits 0 when the gateway's process answers where environment and gateway.yaml say it listens.
import { httpListen } from '../dist/src/app/http-listen.js';

const { host = '', port = 0 } = (await httpListen(process.env)) ?? {};
const address = { '0.0.0.0': '127.0.0.1', '::': '[::1]' }[host] ?? (host.includes(':') ? `[${host}]` : host);
const answer = await fetch(`http://${address}:${port}/livez`, { signal: AbortSignal.timeout(2_500) }).catch(() => null);
process.exit(answer?.ok === true ? 0 : 1);
