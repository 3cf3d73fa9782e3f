import { expect, it } from 'vitest';
import { ownUri } from './test-calls.js';

it.each([
  [['udp/127.0.0.1:5060', 'tcp/127.0.0.1:5060'], 'sip:+1@127.0.0.1:5060;transport=udp'],
  [['tls/10.0.0.1:5061', 'tcp/10.0.0.1:5060'], 'sip:+1@10.0.0.1:5060;transport=tcp'],
  [['udp/0.0.0.0:5070'], 'sip:+1@127.0.0.1:5070;transport=udp'],
  [['udp/[::]:5070'], 'sip:+1@[::1]:5070;transport=udp'],
  [['udp/[2001:db8::1]:5060'], 'sip:+1@[2001:db8::1]:5060;transport=udp'],
  [['nonsense'], null],
  [[], null],
])('reaches a number at %j', (endpoints, uri) => {
  expect(ownUri('+1', endpoints)).toBe(uri);
});
