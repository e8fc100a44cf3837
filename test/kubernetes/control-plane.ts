import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ENGRAM_MAIN, freePort, start, temporaryDirectory } from '../support/process.ts';
import type { Running } from '../support/process.ts';
import { eventually } from '../support/suite.ts';
import { Api } from './api.ts';

const EVENT_TTL = '8s';
export const EVENT_TTL_MS = 8_000;

/** Engram and a real kube-apiserver on it, over loopback, each restartable on the same data and ports. */
export class ControlPlane {
  readonly directory = temporaryDirectory('kubernetes');
  readonly apiLog = join(this.directory, 'kube-apiserver.log');
  readonly engramLog = join(this.directory, 'engram.log');
  readonly token = randomBytes(16).toString('hex');
  readonly #binary: string;
  readonly #ports: { readonly engram: number; readonly metrics: number; readonly api: number };
  #engram: Running | undefined;
  #apiserver: Running | undefined;

  private constructor(binary: string, ports: { engram: number; metrics: number; api: number }) {
    this.#binary = binary;
    this.#ports = ports;
  }

  static async create(binary: string): Promise<ControlPlane> {
    const plane = new ControlPlane(binary, {
      engram: await freePort(),
      metrics: await freePort(),
      api: await freePort(),
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

  get endpoint(): string {
    return `127.0.0.1:${this.#ports.engram}`;
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
      `--listen-client-urls=http://127.0.0.1:${this.#ports.engram}`,
      `--advertise-client-urls=http://127.0.0.1:${this.#ports.engram}`,
      `--listen-metrics-urls=http://127.0.0.1:${this.#ports.metrics}`,
      '--watch-progress-notify-interval=5s',
      '--log-format=json',
    ];
    this.#engram = start(process.execPath, args, this.engramLog);
  }

  startApiserver(): void {
    const args = [
      `--etcd-servers=http://127.0.0.1:${this.#ports.engram}`,
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

  #file(name: string): string {
    return join(this.directory, name);
  }
}
