import { hostname, networkInterfaces } from 'node:os';
import { isEveryAddress } from '../config/index.ts';

/** Addresses of a machine, as `os.networkInterfaces` gives them. */
export type Interfaces = ReturnType<typeof networkInterfaces>;

/**
 * What others are told to connect to, where nobody has said: what is listened on, with the first address of the machine that
 * others can reach in place of one that means all of them (etcd takes that of the default route). `guessed`: that was done.
 */
export function advertisedUrls(
  listenUrls: readonly string[],
  interfaces: Interfaces = networkInterfaces(),
): { readonly urls: readonly string[]; readonly guessed: boolean } {
  let guessed = false;
  const urls = listenUrls.map((url) => {
    if (!isEveryAddress(url)) return url;
    guessed = true;
    const { protocol, port } = new URL(url);
    return `${protocol}//${ownHost(interfaces)}:${port}`;
  });
  return { urls: [...new Set(urls)], guessed };
}

function ownHost(interfaces: Interfaces): string {
  const all = Object.values(interfaces).flatMap((addresses) => addresses ?? []);
  const reachable = all.filter(({ internal, address }) => !internal && !address.startsWith('fe80:'));
  const found = reachable.find(({ family }) => family === 'IPv4') ?? reachable[0];
  if (found === undefined) return hostname();
  return found.family === 'IPv6' ? `[${found.address}]` : found.address;
}
