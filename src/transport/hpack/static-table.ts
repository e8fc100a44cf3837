/** The fields that every connection knows by number (RFC 7541, appendix A). */

const rows = `
:authority|
:method|GET
:method|POST
:path|/
:path|/index.html
:scheme|http
:scheme|https
:status|200
:status|204
:status|206
:status|304
:status|400
:status|404
:status|500
accept-charset|
accept-encoding|gzip, deflate
accept-language|
accept-ranges|
accept|
access-control-allow-origin|
age|
allow|
authorization|
cache-control|
content-disposition|
content-encoding|
content-language|
content-length|
content-location|
content-range|
content-type|
cookie|
date|
etag|
expect|
expires|
from|
host|
if-match|
if-modified-since|
if-none-match|
if-range|
if-unmodified-since|
last-modified|
link|
location|
max-forwards|
proxy-authenticate|
proxy-authorization|
range|
referer|
refresh|
retry-after|
server|
set-cookie|
strict-transport-security|
transfer-encoding|
user-agent|
vary|
via|
www-authenticate|`
  .trim()
  .split('\n')
  .map((row) => row.split('|'));

/** Name of the field with that number; numbers start at 1, so that 0 holds nothing. */
export const staticNames: readonly string[] = ['', ...rows.map(([name]) => name ?? '')];
/** Its value, which is empty where only the name is of use. */
export const staticValues: readonly string[] = ['', ...rows.map(([, value]) => value ?? '')];

/** The highest number of a static field; the dynamic table's numbers follow it. */
export const STATIC_COUNT = rows.length;

/** The first number of each name. */
const numberOfName = new Map<string, number>();
/** The number of each name and value; no name holds a line feed. */
const numberOfField = new Map<string, number>();
for (let number = STATIC_COUNT; number > 0; number--) {
  numberOfName.set(staticNames[number]!, number);
  numberOfField.set(`${staticNames[number]!}\n${staticValues[number]!}`, number);
}

/** The number under which the peer knows this very field, or 0. */
export function staticField(name: string, value: string): number {
  return numberOfField.get(`${name}\n${value}`) ?? 0;
}

/** A number under which the peer knows this name, or 0. */
export function staticName(name: string): number {
  return numberOfName.get(name) ?? 0;
}
