/** Goal: others are told addresses that they can connect to. Method: made-up network interfaces. */
import { hostname } from 'node:os';
import { expect, test } from 'vitest';
import { advertisedUrls, type Interfaces } from './advertised-urls.ts';

const common = { netmask: '', mac: '', cidr: null };
const ipv4 = (address: string, internal = false) => ({
  ...common,
  family: 'IPv4' as const,
  address,
  internal,
});
const ipv6 = (address: string, internal = false) => ({
  ...{ ...common, family: 'IPv6' as const, scopeid: 0, address, internal },
});
const loopback = [ipv4('127.0.0.1', true), ipv6('::1', true)];

test.each<[string, string, Interfaces, string]>([
  ['an address', 'http://10.0.0.5:2380', { eth0: [ipv4('10.0.0.9')] }, 'http://10.0.0.5:2380'],
  ['a name', 'https://localhost:1', {}, 'https://localhost:1'],
  [
    'every address',
    'http://0.0.0.0:2380',
    { lo: loopback, eth0: [ipv4('10.0.0.9')] },
    'http://10.0.0.9:2380',
  ],
  [
    'every address of IPv6',
    'https://[::]:2',
    { eth0: [ipv6('fe80::1'), ipv6('fd00::9')] },
    'https://[fd00::9]:2',
  ],
  [
    'every address, IPv4 first',
    'http://[::]:2',
    { e: [ipv6('fd00::9'), ipv4('10.0.0.9')] },
    'http://10.0.0.9:2',
  ],
  ['a machine without a network', 'http://0.0.0.0:2380', { lo: loopback }, `http://${hostname()}:2380`],
])('%s: %s', (_name, listened, interfaces, advertised) => {
  const { urls, guessed } = advertisedUrls([listened], interfaces);
  expect(urls).toEqual([advertised]);
  expect(guessed).toBe(listened !== advertised);
});

test('an address that comes twice is told once', () => {
  const interfaces = { eth0: [ipv4('10.0.0.9')] };
  expect(advertisedUrls(['http://0.0.0.0:1', 'http://10.0.0.9:1'], interfaces).urls).toEqual([
    'http://10.0.0.9:1',
  ]);
});
