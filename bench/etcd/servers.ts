import { MeasuredServer } from '../../test/support/measured-server.ts';
import type { MeasuredOptions } from '../../test/support/measured-server.ts';

/** What is compared, in the order of the table. */
export const serverKinds = ['engram', 'etcd-3.7', 'etcd-3.6'] as const;
export type ServerKind = (typeof serverKinds)[number];

const etcdVersions = { 'etcd-3.7': '3.7.3', 'etcd-3.6': '3.6.14' } as const;

export function isServerKind(name: string): name is ServerKind {
  return (serverKinds as readonly string[]).includes(name);
}

/** Its name with its version, for tables. */
export function serverTitle(kind: ServerKind): string {
  return kind === 'engram' ? 'Engram' : `etcd ${etcdVersions[kind]}`;
}

/** A server with a directory of its own, not started. Builds etcd when it is not there; throws Skipped without Go. */
export async function newServer(kind: ServerKind, options: MeasuredOptions): Promise<MeasuredServer> {
  if (kind === 'engram') return await MeasuredServer.engram(options);
  return await MeasuredServer.etcd(etcdVersions[kind], options);
}
