/** Goal: a failed link has one reason, in words. Method: what grpc-js 1.14 said of links that could not be made. */
import { expect, test } from 'vitest';
import { failureReason } from './failure-reason.ts';

const about = (error: string): string =>
  `14 UNAVAILABLE: No connection established. Last error: ${error}. Resolution note: `;

test.each([
  [about('read ECONNRESET (2026-11-21T17:20:56.732Z)'), 'read ECONNRESET'],
  [about('Failed to connect (2026-11-21T17:20:56.483Z)'), expect.stringContaining('log of the other node')],
  [about('Error: certificate has expired'), 'certificate has expired'],
  [
    about("Error [ERR_TLS_CERT_ALTNAME_INVALID]: Hostname/IP does not match certificate's altnames: a"),
    "Hostname/IP does not match certificate's altnames: a",
  ],
  ['14 UNAVAILABLE: the node takes no links yet', 'the node takes no links yet'],
  ['ended by the other node', 'ended by the other node'],
])('%j', (message, reason) => {
  expect(failureReason(message)).toEqual(reason);
});
