import { describe, expect, it } from 'vitest';
import { createDestinationGuard } from './destination-guard.js';

const inside = (host: string, address: string): string | null =>
  address.startsWith('10.') ? `${host} leads to ${address}.` : null;

describe('the guard of destinations', () => {
  it('judges the addresses of a call to a tenant’s host, not those of the operator’s, and none nobody spoke of', () => {
    const guard = createDestinationGuard(inside);
    const targets = [
      { address: '10.0.0.1', port: 5060 },
      { address: '203.0.113.1', port: 5060 },
    ];
    expect(guard.judge('unknown', targets)).toEqual([false, false]);
    const call = guard.watch('tenant', 'pbx.example.com');
    expect(guard.judge('tenant', targets)).toEqual([false, true]);
    expect(call.refusal()).toBeNull();
    expect(guard.judge('tenant', targets.slice(0, 1))).toEqual([false]);
    expect(call.refusal()).toBe('pbx.example.com leads to 10.0.0.1.');
    guard.trust('operator');
    expect(guard.judge('operator', targets)).toEqual([true, true]);
    // Given up while its name was still being resolved.
    call.end();
    expect(guard.judge('tenant', targets)).toEqual([false, false]);
  });

  it('resolves for a SIP server that does not ask', async () => {
    const { route } = createDestinationGuard(inside);
    await expect(route('sip:a@10.0.0.1', ['udp'])).rejects.toThrow('10.0.0.1 leads to 10.0.0.1.');
    expect(await route('sip:a@203.0.113.1:5070', ['udp'])).toBeNull();
    expect(await route('sip:a@localhost:5070', ['udp'])).toBe('sip:127.0.0.1:5070;transport=udp');
    expect(await route('sip:a@localhost:5070;transport=tls', ['udp', 'tls'])).toBeNull();
  });
});
