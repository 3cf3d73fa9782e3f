import { isIP } from 'node:net';
import type { SystemCheck } from '../api/index.js';
import { isPrivateAddress } from '../telephony/sip-engine/index.js';
import { type Config, hasExternalServer } from './config.js';
import { isLoopback, isWildcard } from './config-values.js';

type Reach = Pick<Config, 'sip' | 'rtp' | 'http' | 'drachtio'>;

/** From where an address can be reached: this machine, its network, or anywhere (names are taken for that). */
const reachOf = (host: string): 'machine' | 'network' | 'anywhere' => {
  const bare = host.replace(/^\[|\]$/g, '');
  if (isLoopback(bare)) return 'machine';
  return isIP(bare) !== 0 && isPrivateAddress(bare) ? 'network' : 'anywhere';
};

const found = (name: string, state: SystemCheck['state'], says: string): SystemCheck => ({ name, state, says });

/** The address others see our SIP at; null when a drachtio-server or every address of the machine receives it. */
export const sipHost = ({ sip, drachtio }: Pick<Config, 'sip' | 'drachtio'>): string | null => {
  if (hasExternalServer({ drachtio })) return null;
  const host = sip.publicAddress ?? sip.listen[0]?.host ?? null;
  return host === null || isWildcard(host) ? null : host;
};

/** Whether the addresses we give out fit together, and who can reach them. Pure. */
export const reachChecks = (config: Reach): readonly SystemCheck[] => {
  const sip = sipHost(config);
  const rtp = config.rtp.publicAddress ?? config.rtp.address;
  const { hostname, protocol } = new URL(config.http.publicUrl);
  const checks: SystemCheck[] = [];
  if (sip !== null && reachOf(sip) === 'machine') {
    checks.push(
      found(
        'public address',
        'warning',
        `SIP is received at ${sip}: nobody outside this machine can call (SIP_LISTEN)`,
      ),
    );
  } else if (sip !== null && reachOf(sip) === 'network') {
    const says = `${sip} is a private address: carriers need SIP_PUBLIC_ADDRESS, unless they are in this network`;
    checks.push(found('public address', 'warning', says));
  } else checks.push(found('public address', 'ok', sip === null ? 'is that of the SIP server' : `is ${sip}`));
  const apart = sip !== null && reachOf(sip) !== 'machine' && reachOf(rtp) === 'machine';
  const unlike = sip !== null && reachOf(sip) === 'anywhere' && reachOf(rtp) === 'network';
  if (apart) checks.push(found('media address', 'failed', `is ${rtp}: callers would hear nothing (RTP_ADDRESS)`));
  else if (unlike) {
    const says = `is ${rtp}, a private address, beside a public one for SIP: set RTP_PUBLIC_ADDRESS`;
    checks.push(found('media address', 'failed', says));
  } else
    checks.push(found('media address', 'ok', `is ${rtp}, ports ${config.rtp.ports.from} to ${config.rtp.ports.to}`));
  if (reachOf(hostname) === 'machine') {
    const says = `${config.http.publicUrl} leads nowhere from outside: webhooks of Zendesk and Twilio need PUBLIC_URL`;
    checks.push(found('public URL', 'warning', says));
  } else if (protocol === 'http:') {
    checks.push(found('public URL', 'warning', `${config.http.publicUrl} is not https: credentials travel in clear`));
  } else checks.push(found('public URL', 'ok', `is ${config.http.publicUrl}`));
  return checks;
};
