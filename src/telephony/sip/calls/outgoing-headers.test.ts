import { describe, expect, it } from 'vitest';
import { parseProfile } from '../profiles/loader.js';
import { credentialsOf, fromHeader, inviteHeaders, requestUri } from './outgoing-headers.js';

const plain = 'v=0\r\nm=audio 1 RTP/AVP 0\r\n';
const secure = 'v=0\r\nm=audio 1 RTP/SAVP 0\r\n';
const line = parseProfile('name: line\noutbound: { transport: tcp, secureTransport: tls }\nsessionTimer: null', 'x');
const open = parseProfile('name: open\noutbound: { secureTransport: null }', 'x');

describe('the Request-URI of a call of ours', () => {
  it.each([
    ['sip:a@line.sip.twilio.com', plain, 'sip:a@line.sip.twilio.com;transport=tcp'],
    ['sip:a@line.sip.twilio.com', secure, 'sip:a@line.sip.twilio.com;transport=tls'],
    ['sip:a@line.sip.twilio.com;transport=udp', secure, 'sip:a@line.sip.twilio.com;transport=udp'],
    ['sip:a@[::1]:5080;x=y?h=v', plain, 'sip:a@[::1]:5080;x=y;transport=tcp?h=v'],
  ])('%s', (uri, offer, expected) => {
    expect(requestUri({ uri, offer }, line)).toBe(expected);
  });

  it('is left to DNS where the profile says nothing', () => {
    expect(requestUri({ uri: 'sip:a@b.example', offer: secure }, open)).toBe('sip:a@b.example');
  });

  it.each(['', 'a@b', 'tel:+1', 'sips:a@b', 'http://b', 'sip:', 'sip:a@b>\r\nX: y'])('%j is refused', (uri) => {
    expect(() => requestUri({ uri, offer: plain }, line)).toThrow('is not a sip: URI');
  });
});

describe('our From', () => {
  it('quotes the display name and takes control characters out of it', () => {
    const from = { user: '+14155550123', display: 'Ann "A"\r\nVia: evil', privacy: false };
    expect(fromHeader(from, 'gw.example')).toBe('"Ann \\"A\\" Via: evil" <sip:+14155550123@gw.example>');
  });

  it.each(['', 'a b', 'a@b', 'a>', 'a;x', 'a?x', 'a\r\n'])('refuses %j as user', (user) => {
    expect(() => fromHeader({ user, display: null, privacy: false }, 'gw')).toThrow('cannot be the user of a From');
  });
});

describe('the headers of a call of ours', () => {
  const from = { user: '+1', display: null, privacy: false };
  it.each([
    'Via',
    'from',
    'Call-ID',
    'CSeq',
    'Contact',
    'Authorization',
    'Content-Type',
    'Require',
    't',
    'Bad Name',
    '',
  ])('cannot set %j', (name) => {
    expect(() => inviteHeaders({ uri: 'sip:a@b', from, headers: { [name]: 'x' } }, line, 'gw')).toThrow(
      'cannot be sent',
    );
  });

  it('carry what the profile adds where the call has not set it itself', () => {
    const adding = parseProfile(
      'name: a\noutbound: { headers: { add: { X-A: "1", X-B: "2" }, drop: [x-c] } }\nsessionTimer: null',
      'x',
    );
    expect(
      inviteHeaders(
        { uri: 'sip:a@b', from: { ...from, privacy: true }, headers: { 'x-a': '9', 'X-C': '3' } },
        adding,
        'gw',
      ),
    ).toMatchObject({
      From: '<sip:+1@gw>',
      Privacy: 'id',
      'x-a': '9',
      'X-B': '2',
      Supported: 'timer',
    });
  });

  const carrier = parseProfile(
    'name: c\noutbound: { digest: { username: u, password: p }, peers: [sip.carrier.test, "*.edge.test", 203.0.113.0/24], headers: { add: { X-Account: "7" } } }',
    'x',
  );
  it.each([
    ['sip:+1@sip.carrier.test;transport=tls', true],
    ['sip:+1@SIP.Carrier.Test.:5061', true],
    ['sip:+1@ny.edge.test', true],
    ['sip:+1@203.0.113.9:5080', true],
    ['sip:+1@edge.test', false],
    ['sip:+1@carrier.test', false],
    ['sip:sip.carrier.test@evil.test', false],
    ['sip:+1@sip.carrier.test.evil.test', false],
    ['sip:+1@evil.test;maddr=203.0.113.9', false],
    ['sip:+1@203.0.114.9', false],
  ])('and credentials of a profile with peers go to them alone: %s', (uri, theirs) => {
    const headers = inviteHeaders({ uri, from, headers: {} }, carrier, 'gw');
    expect(headers['X-Account']).toBe(theirs ? '7' : undefined);
    expect(credentialsOf({ uri }, carrier)).toEqual(theirs ? { username: 'u', password: 'p' } : undefined);
    const own = { username: 'of the destination', password: 'x' };
    expect(credentialsOf({ uri, digest: own }, carrier)).toBe(own);
  });
});
