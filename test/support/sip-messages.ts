/** A session description as a carrier's gateway offers it: 331 bytes. */
export const typicalSdp = [
  'v=0',
  'o=- 1731412345 1731412345 IN IP4 203.0.113.10',
  's=SBC call',
  'c=IN IP4 203.0.113.10',
  't=0 0',
  'm=audio 28432 RTP/AVP 8 0 18 9 101',
  'a=rtpmap:8 PCMA/8000',
  'a=rtpmap:0 PCMU/8000',
  'a=rtpmap:18 G729/8000',
  'a=fmtp:18 annexb=no',
  'a=rtpmap:9 G722/8000',
  'a=rtpmap:101 telephone-event/8000',
  'a=fmtp:101 0-16',
  'a=maxptime:40',
  'a=ptime:20',
  'a=sendrecv',
  '',
].join('\r\n');

const inviteHead = [
  'INVITE sip:+14155550100@gw.example.net:5060;transport=udp SIP/2.0',
  'Via: SIP/2.0/UDP 203.0.113.10:5060;branch=z9hG4bK-524287-1---abcdef0123456789;rport',
  'Via: SIP/2.0/UDP 10.0.0.5:5060;branch=z9hG4bK0123456789;received=203.0.113.9',
  'Record-Route: <sip:203.0.113.10;lr;ftag=as58f4201b>',
  'Max-Forwards: 69',
  'From: "Alice Example" <sip:+14155550199@203.0.113.10>;tag=as58f4201b',
  'To: <sip:+14155550100@gw.example.net>',
  'Contact: <sip:+14155550199@10.0.0.5:5060;transport=udp>',
  'Call-ID: 3c26700c1adb-6f8d2b2f9f6a@203.0.113.10',
  'CSeq: 102 INVITE',
  'User-Agent: Example SBC 4.2.1',
  'Date: Fri, 20 Nov 2026 12:00:00 GMT',
  'Allow: INVITE, ACK, CANCEL, OPTIONS, BYE, REFER, SUBSCRIBE, NOTIFY, INFO, PUBLISH',
  'Supported: replaces, timer',
  'P-Asserted-Identity: "Alice" <sip:+14155550199@203.0.113.10>',
  'Content-Type: application/sdp',
];

const message = (lines: readonly string[], body = ''): Buffer =>
  Buffer.from(`${lines.join('\r\n')}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);

/** A carrier's INVITE with two Via, in the usual size: some 830 bytes of headers and 330 of SDP. */
export const typicalInvite = (): Buffer => message(inviteHead, typicalSdp);

/** An INVITE of some 60 kB with 6,001 contacts, in one Contact line or in one line each. */
export const inviteOfContacts = (form: 'one line' | 'one line each'): Buffer => {
  const number = (i: number): string => i.toString(36).padStart(3, '0');
  const contacts = Array.from({ length: 6_001 }, (_, i) => number(i));
  const lines =
    form === 'one line'
      ? [`m:${contacts.map((c) => `<sip:${c}>`).join(',')}`]
      : contacts.map((contact) => `m:a:${contact}`);
  return message([...inviteHead, ...lines]);
};

/** One of each kind of message that a call and its neighbours make. */
export const typicalMessages = (): Buffer[] => {
  const common = [
    'From: "A, B" <sip:a@example.com;user=phone>;tag=1c2',
    'To: Bob <sip:b@[2001:db8::1]:5070>;tag=d4',
    'Call-ID: f81d4fae-7dec-11d0-a765@192.0.2.4',
  ];
  const via = 'v: SIP/2.0/TCP [2001:db8::9]:5062;branch=z9hG4bKnashds8;rport=4040;received=2001:db8::10';
  return [
    typicalInvite(),
    message(['SIP/2.0 100 Trying', via, ...common, 'CSeq: 1 INVITE']),
    message(
      [
        'SIP/2.0 200 OK',
        via,
        via,
        ...common,
        'CSeq: 1 INVITE',
        'Contact: <sip:b@h;ob>;+sip.instance="<urn:x>"',
        'c: application/sdp',
      ],
      typicalSdp,
    ),
    message(['ACK sip:b@h;ob SIP/2.0', via, ...common, 'CSeq: 1 ACK', 'Route: <sip:p1;lr>, "P, 2" <sip:p2;lr>']),
    message(['BYE sip:b@h SIP/2.0', via, ...common, 'CSeq: 2 BYE', 'Reason: Q.850;cause=16;text="Normal \\"end\\""']),
    message(['CANCEL sip:b@h SIP/2.0', via, ...common, 'CSeq: 1 CANCEL', 'Max-Forwards: 70']),
    message([
      'REGISTER sip:example.com SIP/2.0',
      via,
      ...common,
      'CSeq: 3 REGISTER',
      'Authorization: Digest username="a", realm="example.com", nonce="x", uri="sip:example.com", response="0f"',
      'm: <sip:a@192.0.2.4:5060>;expires=3600, sip:a@192.0.2.5',
      'Expires: 60',
    ]),
    message(
      [
        'NOTIFY sip:a@h SIP/2.0',
        via,
        ...common,
        'CSeq: 4 NOTIFY',
        'o: refer',
        'Subscription-State: active',
        'c: message/sipfrag',
      ],
      'SIP/2.0 180 Ringing\r\n',
    ),
    message([
      'REFER sip:b@h SIP/2.0',
      via,
      ...common,
      'CSeq: 5 REFER',
      'r: <sip:c@h?Replaces=1%40h%3Bto-tag%3Dx>',
      'b: <sip:a@h>',
    ]),
    message(
      ['MESSAGE im:b@h SIP/2.0', via, ...common, 'Subject: folded\r\n\tvalue', 'CSeq: 6 MESSAGE', 'c: text/plain'],
      'Grüße\r\n\r\n\0\x01',
    ),
  ];
};
