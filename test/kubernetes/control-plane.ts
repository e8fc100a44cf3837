import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { TestAuthority, type CertificateFiles } from '../support/certificates.ts';
import { ENGRAM_MAIN, freePort, start, temporaryDirectory } from '../support/process.ts';
import type { Running } from '../support/process.ts';
import { eventually } from '../support/suite.ts';
import { Api } from './api.ts';

const EVENT_TTL = '8s';
export const EVENT_TTL_MS = 8_000;

/** What both sides of mutual TLS between kube-apiserver and Engram need, as kubeadm lays it out. */
interface MutualTls {
  readonly authority: TestAuthority;
  readonly server: CertificateFiles;
  readonly client: CertificateFiles;
}

async function createMutualTls(): Promise<MutualTls> {
  const authority = await TestAuthority.create('etcd-ca');
  return {
    authority,
    server: await authority.server('etcd-server'),
    client: await authority.client('apiserver-etcd-client'),
  };
}

/**
 * Engram and a real kube-apiserver on it, over loopback, with mutual TLS between them or without TLS, each restartable
 * on the same data and ports.
 */
export class ControlPlane {
  readonly directory = temporaryDirectory('kubernetes');
  readonly apiLog = join(this.directory, 'kube-apiserver.log');
  readonly engramLog = join(this.directory, 'engram.log');
  readonly token = randomBytes(16).toString('hex');
  readonly #binary: string;
  readonly #ports: { readonly engram: number; readonly metrics: number; readonly api: number };
  readonly #tls: MutualTls | undefined;
  /** Flags of Engram that choose its engine. */
  readonly #engine: readonly string[];
  /** URLs of servers that others start, in place of its own Engram. */
  readonly #etcdServers: readonly string[] | undefined;
  #engram: Running | undefined;
  #apiserver: Running | undefined;

  private constructor(
    binary: string,
    ports: { engram: number; metrics: number; api: number },
    options: {
      readonly tls: MutualTls | undefined;
      readonly engine: readonly string[];
      readonly etcdServers: readonly string[] | undefined;
    },
  ) {
    this.#binary = binary;
    this.#ports = ports;
    this.#tls = options.tls;
    this.#engine = options.engine;
    this.#etcdServers = options.etcdServers;
  }

  static async create(
    binary: string,
    options: {
      readonly tls: boolean;
      readonly engine?: readonly string[];
      readonly etcdServers?: readonly string[];
    },
  ): Promise<ControlPlane> {
    const ports = { engram: await freePort(), metrics: await freePort(), api: await freePort() };
    const tls = options.tls ? await createMutualTls() : undefined;
    const plane = new ControlPlane(binary, ports, {
      tls,
      engine: options.engine ?? [],
      etcdServers: options.etcdServers,
    });
    const { privateKey, publicKey } = generateKeyPairSync('rsa', {
      modulusLength: 2048,
      privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
      publicKeyEncoding: { type: 'spki', format: 'pem' },
    });
    writeFileSync(plane.#file('service-account.key'), privateKey);
    writeFileSync(plane.#file('service-account.pub'), publicKey);
    writeFileSync(plane.#file('tokens.csv'), `${plane.token},admin,admin,system:masters\n`);
    return plane;
  }

  /** Where Engram serves clients. */
  get endpoint(): string {
    return `${this.#tls === undefined ? 'http' : 'https'}://127.0.0.1:${this.#ports.engram}`;
  }

  /** What etcdctl needs to be told besides the endpoint. */
  get etcdctlFlags(): string[] {
    if (this.#tls === undefined) return [];
    const { authority, client } = this.#tls;
    return [`--cacert=${authority.caFile}`, `--cert=${client.certFile}`, `--key=${client.keyFile}`];
  }

  get apiUrl(): string {
    return `https://127.0.0.1:${this.#ports.api}`;
  }

  get certificate(): string {
    return this.#file('certificates/apiserver.crt');
  }

  startEngram(): void {
    const args = [
      ENGRAM_MAIN,
      'serve',
      `--data-dir=${this.#file('data')}`,
      `--listen-client-urls=${this.endpoint}`,
      `--advertise-client-urls=${this.endpoint}`,
      ...this.#engramTlsFlags(),
      `--listen-metrics-urls=http://127.0.0.1:${this.#ports.metrics}`,
      '--watch-progress-notify-interval=5s',
      '--log-format=json',
      ...this.#engine,
    ];
    this.#engram = start(process.execPath, args, this.engramLog);
  }

  startApiserver(): void {
    const args = [
      `--etcd-servers=${this.#etcdServers?.join(',') ?? this.endpoint}`,
      ...this.#apiserverTlsFlags(),
      '--bind-address=127.0.0.1',
      `--secure-port=${this.#ports.api}`,
      `--cert-dir=${this.#file('certificates')}`,
      `--token-auth-file=${this.#file('tokens.csv')}`,
      `--service-account-key-file=${this.#file('service-account.pub')}`,
      `--service-account-signing-key-file=${this.#file('service-account.key')}`,
      '--service-account-issuer=https://kubernetes.default.svc.cluster.local',
      '--service-cluster-ip-range=10.96.0.0/16',
      '--authorization-mode=RBAC',
      '--disable-admission-plugins=ServiceAccount',
      `--event-ttl=${EVENT_TTL}`,
      '--etcd-compaction-interval=20s',
    ];
    this.#apiserver = start(this.#binary, args, this.apiLog);
  }

  /** Resolves when the API server says it is ready. */
  async ready(): Promise<Api> {
    const ca = await eventually('the serving certificate', 60_000, () => {
      try {
        return Promise.resolve(readFileSync(this.certificate));
      } catch {
        return Promise.resolve(undefined);
      }
    });
    const api = new Api({ port: this.#ports.api, ca, token: this.token });
    await eventually('a ready kube-apiserver', 120_000, async () => {
      const { status } = await api.get('/readyz');
      return status === 200 ? true : undefined;
    });
    return api;
  }

  /** Not SIGTERM: with a watch open, the API server would take its 60 s of grace. */
  stopApiserver(): Promise<void> {
    return this.#apiserver?.stop('SIGKILL') ?? Promise.resolve();
  }

  killEngram(): Promise<void> {
    return this.#engram?.stop('SIGKILL') ?? Promise.resolve();
  }

  async stop(): Promise<void> {
    await this.#apiserver?.stop('SIGKILL');
    await this.#engram?.stop('SIGTERM');
  }

  #engramTlsFlags(): string[] {
    if (this.#tls === undefined) return [];
    const { authority, server } = this.#tls;
    return [
      ...[`--cert-file=${server.certFile}`, `--key-file=${server.keyFile}`],
      ...['--client-cert-auth=true', `--trusted-ca-file=${authority.caFile}`],
    ];
  }

  #apiserverTlsFlags(): string[] {
    if (this.#tls === undefined) return [];
    const { authority, client } = this.#tls;
    return [
      `--etcd-cafile=${authority.caFile}`,
      ...[`--etcd-certfile=${client.certFile}`, `--etcd-keyfile=${client.keyFile}`],
    ];
  }

  #file(name: string): string {
    return join(this.directory, name);
  }
}
