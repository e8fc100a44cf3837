import { TestAuthority, type CertificateFiles } from '../certificates.ts';
import type { TlsFiles } from './cluster.ts';

/** Certificates of one authority for both sides. */
export async function testTls(): Promise<{ server: TlsFiles; client: TlsFiles; authority: TestAuthority }> {
  const authority = await TestAuthority.create();
  const files = ({ certFile, keyFile }: CertificateFiles) => {
    return { ca: authority.caFile, cert: certFile, key: keyFile };
  };
  const [server, client] = await Promise.all([authority.server(), authority.client()]);
  return { server: files(server), client: files(client), authority };
}
