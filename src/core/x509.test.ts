import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { connect, createServer } from 'node:tls';
import { describe, expect, it } from 'vitest';
import { createCertificateAuthority } from './x509.js';

describe('a certificate authority of our own', () => {
  it('issues certificates that a TLS client accepts for their hosts and refuses for others', async () => {
    const authority = createCertificateAuthority('Test authority');
    for (const keyType of ['ec', 'rsa'] as const) {
      const issued = authority.issue({ name: 'localhost', hosts: ['localhost', '127.0.0.1', '::1'], keyType });
      const server = createServer({ cert: issued.certificate, key: issued.privateKey }, (socket) => socket.end());
      server.on('tlsClientError', () => {});
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      const { port } = server.address() as AddressInfo;
      const good = connect({ port, host: '127.0.0.1', ca: authority.certificate });
      await once(good, 'secureConnect');
      expect(good.authorized).toBe(true);
      good.destroy();
      const other = connect({ port, host: '127.0.0.1', servername: 'other.test', ca: authority.certificate });
      const [error] = await once(other, 'error').catch((e: unknown) => [e]);
      expect((error as { code: string }).code).toBe('ERR_TLS_CERT_ALTNAME_INVALID');
      server.close();
    }
  });

  it('dates a certificate as asked', () => {
    const authority = createCertificateAuthority('Test authority');
    const issued = authority.issue({
      name: 'old',
      notBefore: new Date('2019-01-01'),
      notAfter: new Date('2020-02-03T04:05:06Z'),
    });
    const read = new X509Certificate(issued.certificate);
    expect(new Date(read.validTo).toISOString()).toBe('2020-02-03T04:05:06.000Z');
    expect(read.verify(new X509Certificate(authority.certificate).publicKey)).toBe(true);
    expect(read.subject).toBe('CN=old');
  });
});
