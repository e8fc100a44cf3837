import { rmSync } from 'node:fs';
import { TestAuthority } from '../../test/support/certificates.ts';
import type { ServerTls } from '../../test/support/measured-server.ts';

/** Certificates for mutual TLS, of an authority that exists for this run: P-256, an hour long. */
export async function mutualTls(): Promise<ServerTls> {
  const authority = await TestAuthority.create('engram benchmark authority');
  process.once('exit', () => rmSync(authority.directory, { recursive: true, force: true }));
  // etcd's own gateway is a client of its server, with the server's certificate.
  const server = await authority.server('server', { usages: ['serverAuth', 'clientAuth'] });
  const client = await authority.client();
  return {
    certFile: server.certFile,
    keyFile: server.keyFile,
    caFile: authority.caFile,
    client: { ca: authority.ca, cert: client.certificate, key: client.key },
  };
}
