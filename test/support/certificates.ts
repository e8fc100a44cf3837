import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Integer, type Sequence } from 'asn1js';
import { CertificateRevocationList, RevokedCertificate, Time } from 'pkijs';
import {
  createCertificate,
  pem,
  type CertificateRequest,
  type MadeCertificate,
} from '../../src/transport/tls/certificates.ts';

const hourMs = 3_600_000;

/** A certificate with its key, in files. */
export interface CertificateFiles extends MadeCertificate {
  readonly certFile: string;
  readonly keyFile: string;
}

type Wishes = Partial<Omit<CertificateRequest, 'issuer' | 'subject'>>;

/** A certificate authority in a directory, and what it signs. */
export class TestAuthority {
  readonly directory: string;
  readonly caFile: string;
  readonly #authority: MadeCertificate;

  private constructor(directory: string, authority: MadeCertificate) {
    this.directory = directory;
    this.#authority = authority;
    this.caFile = this.#write('ca.pem', authority.certificate);
  }

  static async create(commonName = 'engram test authority'): Promise<TestAuthority> {
    const directory = mkdtempSync(join(tmpdir(), 'engram-certificates-'));
    const authority = await createCertificate({ ...base(commonName), isAuthority: true });
    return new TestAuthority(directory, authority);
  }

  /** The authority's own certificate. */
  get self(): MadeCertificate {
    return this.#authority;
  }

  /** The same in PEM. */
  get ca(): string {
    return this.#authority.certificate;
  }

  /** For a server at 127.0.0.1, [::1] and localhost. */
  server(name = 'server', wishes: Wishes = {}): Promise<CertificateFiles> {
    return this.#sign(name, {
      ...{ usages: ['serverAuth'], addresses: ['127.0.0.1', '::1'], names: ['localhost'] },
      ...wishes,
    });
  }

  client(name = 'client', wishes: Wishes = {}): Promise<CertificateFiles> {
    return this.#sign(name, { usages: ['clientAuth'], ...wishes });
  }

  /** An authority below this one, whose certificates come with its own. */
  async intermediate(name = 'intermediate'): Promise<TestAuthority> {
    const authority = await createCertificate({ ...base(name), isAuthority: true, issuer: this.#authority });
    return new TestAuthority(mkdtempSync(join(tmpdir(), 'engram-certificates-')), authority);
  }

  /** A list, in DER, that revokes certificates; gives the path of its file. */
  async revoke(certificates: readonly MadeCertificate[], file = 'crl.der'): Promise<string> {
    return this.#write(file, Buffer.from(await this.#revocationList(certificates)));
  }

  /** The same in PEM. */
  async revokeInPem(certificates: readonly MadeCertificate[], file = 'crl.pem'): Promise<string> {
    return this.#write(file, pem('X509 CRL', await this.#revocationList(certificates)));
  }

  async #revocationList(certificates: readonly MadeCertificate[]): Promise<ArrayBuffer> {
    const list = new CertificateRevocationList({ version: 1 });
    list.issuer = this.#authority.parsed.subject;
    list.thisUpdate = time(-hourMs);
    list.nextUpdate = time(hourMs);
    if (certificates.length > 0) {
      list.revokedCertificates = certificates.map(({ parsed }) => {
        const userCertificate = new Integer({ valueHex: parsed.serialNumber.valueBlock.valueHexView });
        return new RevokedCertificate({ userCertificate, revocationDate: time(-hourMs) });
      });
    }
    await list.sign(this.#authority.keys.privateKey, 'SHA-256');
    return (list.toSchema(true) as Sequence).toBER();
  }

  async #sign(name: string, wishes: Wishes): Promise<CertificateFiles> {
    const made = await createCertificate({ ...base(name), ...wishes, issuer: this.#authority });
    return {
      ...made,
      certFile: this.#write(`${name}.pem`, made.certificate),
      keyFile: this.#write(`${name}-key.pem`, made.key),
    };
  }

  #write(name: string, content: string | Buffer): string {
    const path = join(this.directory, name);
    writeFileSync(path, content);
    return path;
  }
}

/** What all certificates here have in common. */
function base(commonName: string): CertificateRequest {
  const now = Date.now();
  return {
    subject: { commonName },
    notBefore: new Date(now - hourMs),
    notAfter: new Date(now + hourMs),
    isAuthority: false,
    ...{ usages: [], addresses: [], names: [] },
  };
}

function time(offsetMs: number): Time {
  return new Time({ type: 0, value: new Date(Math.floor((Date.now() + offsetMs) / 1000) * 1000) });
}
