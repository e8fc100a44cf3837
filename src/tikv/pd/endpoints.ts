import { isAddress } from '../channels.ts';
import { TikvError } from '../errors.ts';
import type { Received } from '../messages.ts';
import type { PdMember } from '../pd-messages.ts';

/** The address of an endpoint: `host:port`, with or without `http://` or `https://`. Throws TikvError `invalid`. */
export function parseEndpoint(endpoint: string): string {
  const address = addressOf(endpoint.trim());
  if (address !== undefined) return address;
  throw new TikvError('invalid', `Cannot use "${endpoint}" as placement driver: it must be host:port`);
}

/** The first address at which clients may reach a member. Undefined if it names none. */
export function memberAddress(member: Received<PdMember>): string | undefined {
  for (const url of member.clientUrls) {
    const address = addressOf(url);
    if (address !== undefined) return address;
  }
  return undefined;
}

function addressOf(url: string): string | undefined {
  const address = url.replace(/^https?:\/\//, '').replace(/\/+$/, '');
  return isAddress(address) ? address : undefined;
}
