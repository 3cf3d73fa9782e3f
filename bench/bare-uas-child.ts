import { once } from 'node:events';
import Srf from 'drachtio-srf';
import { startEngineInWorker } from '../src/telephony/sip-engine/index.js';

// What P1 compares with: a bare drachtio-srf UAS that answers a static SDP, on the same engine, without a store.
const sdp =
  'v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n';
const engine = await startEngineInWorker({
  listen: [{ transport: 'udp', address: '127.0.0.1', port: 0 }],
  admin: { host: '127.0.0.1', port: 0, secret: 'bench' },
});
const srf = new Srf();
srf.connect({ host: '127.0.0.1', port: engine.adminPort, secret: 'bench' });
await once(srf, 'connect');
srf.invite((req, res) => {
  srf.createUAS(req, res, { localSdp: sdp }).catch(() => undefined);
});
process.on('disconnect', () => process.exit(0));
process.send?.({ sipPort: engine.listen[0]?.port });
