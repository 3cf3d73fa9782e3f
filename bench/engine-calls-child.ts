import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect } from 'node:net';
import Srf from 'drachtio-srf';
import { FrameReader, frame, maxFrameBytes } from '../src/telephony/sip-engine/drachtio/frames.js';
import { startEngine } from '../src/telephony/sip-engine/index.js';

// Processes of the engine's bench: the engine alone, a bare drachtio-srf application, or the engine with many dialogs.
// Every message from the parent asks for the CPU used so far, ms.
const listen = [{ transport: 'udp', address: '127.0.0.1', port: 0 }] as const;
const admin = { host: '127.0.0.1', port: 0, secret: 'bench' };
const cpu = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};
const tell = (message: object): void => void process.send?.(message);

const runEngine = async (): Promise<void> => {
  const engine = await startEngine({ listen, admin });
  tell({ adminPort: engine.adminPort, sipPort: engine.listen[0]?.port });
};

const destroy = (dialog: Srf.Dialog): void => void Promise.resolve(dialog.destroy()).catch(() => undefined);

const runApplication = async (role: string, adminPort: number, destination: string, secret: string): Promise<void> => {
  const srf = new Srf();
  srf.connect({ host: '127.0.0.1', port: adminPort, secret });
  await once(srf, 'connect');
  srf.invite((req, res) => {
    if (role === 'uas') {
      srf.createUAS(req, res, { localSdp: req.body }).catch(() => undefined);
      return;
    }
    srf.createB2BUA(req, res, destination, {}).then(
      ({ uas, uac }) => {
        uas.on('destroy', () => destroy(uac));
        uac.on('destroy', () => destroy(uas));
      },
      () => undefined,
    );
  });
  tell({});
};

/** Opens dialogs and reports the CPU of one INFO and its answer, µs, with `few` and with `many` of them open. */
const runDialogs = async (few: number, many: number): Promise<void> => {
  const engine = await startEngine({ listen, admin });
  const application = connect(engine.adminPort, '127.0.0.1');
  const reader = new FrameReader();
  reader.limit = maxFrameBytes;
  let registered = (): void => undefined;
  const ready = new Promise<void>((resolve) => {
    registered = resolve;
  });
  application.on('data', (chunk) => {
    reader.push(chunk, (payload) => {
      const leader = payload.toString('latin1').split('\r\n', 1)[0]?.split('|') ?? [];
      if (leader[2] === '2') registered();
      if (leader[1] !== 'sip') return;
      const start = payload.toString('latin1', payload.indexOf('\r\n') + 2, payload.indexOf('\r\n') + 8);
      if (start === 'INVITE' || start.startsWith('INFO')) {
        application.write(frame(`x|sip|${leader[8]}|${leader[9]}`, Buffer.from('SIP/2.0 200 OK\r\n\r\n')));
      }
    });
  });
  application.write(frame('1|authenticate|bench|'));
  application.write(frame('2|route|invite'));
  await ready;
  const phone = createSocket({ type: 'udp4', recvBufferSize: 4_000_000 });
  phone.bind(0, '127.0.0.1');
  await once(phone, 'listening');
  const { port } = phone.address();
  const tags: string[] = [];
  let answered: (text: string) => void = () => undefined;
  phone.on('message', (bytes) => {
    const text = bytes.toString('latin1');
    if (!text.startsWith('SIP/2.0 1')) answered(text);
  });
  const send = (method: string, call: number, seq: number, to: string, attempt = 0): void => {
    phone.send(
      `${method} sip:bench@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:${port};branch=z9hG4bK${method}${call}.${seq}.${attempt};rport\r\n` +
        `From: <sip:a@127.0.0.1>;tag=f${call}\r\nTo: <sip:b@127.0.0.1>${to}\r\nCall-ID: call-${call}\r\nCSeq: ${seq} ${method}\r\n` +
        `Max-Forwards: 70\r\nContact: <sip:a@127.0.0.1:${port}>\r\nContent-Length: 0\r\n\r\n`,
      engine.listen[0]?.port ?? 0,
      '127.0.0.1',
    );
  };
  /** Sends a request until it is answered with 200: a busy machine may lose one, or the engine refuse it. */
  const exchange = async (method: string, call: number, seq: number, to: string): Promise<string> => {
    for (let attempt = 0; ; attempt++) {
      const text = await new Promise<string>((resolve) => {
        const patience = setTimeout(() => resolve(''), 1_000);
        answered = (answer) => {
          clearTimeout(patience);
          resolve(answer);
        };
        send(method, call, seq, to, attempt);
      });
      if (text.startsWith('SIP/2.0 200')) return text;
      if (attempt > 10) throw new Error(`${method} got no 200 but: ${text.slice(0, 40)}`);
    }
  };
  const openUpTo = async (count: number): Promise<void> => {
    for (let call = tags.length; call < count; call++) {
      const ok = await exchange('INVITE', call, 1, '');
      tags.push(`;tag=${/^To:.*;tag=(\S+)/m.exec(ok)?.[1]}`);
      send('ACK', call, 1, tags[call] ?? '');
    }
  };
  let seq = 2;
  const costOfInfo = async (): Promise<number> => {
    const messages = 2_000;
    const before = cpu();
    for (let i = 0; i < messages; i++) {
      const call = (i * 7919) % tags.length;
      await exchange('INFO', call, seq++, tags[call] ?? '');
    }
    return ((cpu() - before) / messages) * 1000;
  };
  await openUpTo(few);
  await costOfInfo();
  const withFew = await costOfInfo();
  await openUpTo(many);
  const withMany = await costOfInfo();
  tell({ withFew, withMany, dialogs: engine.stats().dialogs });
  process.exit(0);
};

const [, , role, first = '', second = '', secret = 'bench'] = process.argv;
process.on('message', () => tell({ cpu: cpu() }));
process.on('disconnect', () => process.exit(0));
if (role === 'engine') await runEngine();
else if (role === 'dialogs') await runDialogs(Number(first), Number(second));
else await runApplication(role ?? '', Number(first), second, secret);
