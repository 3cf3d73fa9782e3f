import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { createCertificateAuthority } from '../src/core/x509.js';

// The target of the executor bench: a process of its own, so that its work does not count as ours.
const authority = createCertificateAuthority('Bench authority');
const issued = authority.issue({ name: 'localhost', hosts: ['localhost'] });
const answer = JSON.stringify({
  status: 'shipped',
  order: {
    id: '4711',
    lines: [
      { sku: 'a', count: 2 },
      { sku: 'b', count: 1 },
    ],
  },
  customer: { name: 'Ada Lovelace', tier: 'gold', address: { city: 'London', street: 'St James Square', number: 12 } },
  note: 'left at the door, please ring',
});
const server = createServer(
  { cert: issued.certificate, key: issued.privateKey, keepAliveTimeout: 60_000 },
  (request, response) => {
    request.resume().on('end', () => {
      response
        .writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(answer) })
        .end(answer);
    });
  },
);
server.listen(0, '127.0.0.1', () => {
  process.send?.({ port: (server.address() as AddressInfo).port, authority: authority.certificate });
});
process.once('disconnect', () => process.exit(0));
