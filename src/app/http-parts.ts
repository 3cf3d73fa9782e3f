import type { ApiDeps } from '../api/index.js';
import { mostSpecific } from '../telephony/sip/ip-range.js';
import { type Config, httpLoopback, loopbackOnly } from './config.js';

/** What the API is told of where it stands: its names, who may reach it, and whom it believes. */
export const httpParts = (
  config: Config,
): Pick<ApiDeps, 'publicUrl' | 'allowedHosts' | 'trustsProxy' | 'httpLoopback' | 'loopbackOnly'> => {
  const { publicUrl, allowedHosts = [], trustedProxies = [] } = config.http;
  return {
    ...{ publicUrl, allowedHosts },
    trustsProxy: (address) => mostSpecific(trustedProxies, address) !== null,
    httpLoopback: httpLoopback(config),
    loopbackOnly: loopbackOnly(config),
  };
};
