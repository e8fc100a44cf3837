/**
 * Why a link failed, out of what grpc-js says: without the code, the number of which means nothing to whoever reads logs,
 * and without the time, so that the same reason is the same text each time.
 */
export function failureReason(message: string): string {
  const reason = message
    .replace(/^\d+ [A-Z_]+: /, '')
    .replace(/^No connection established\. Last error: (.*)\. Resolution note: .*$/s, '$1')
    .replace(/ \(\d{4}-\d\d-\d\dT[\d:.]+Z\)$/, '')
    .replace(/^Error(?: \[\w+\])?: /, '');
  return reason === 'Failed to connect' ? CLOSED : reason;
}

/** As when the other node refuses a certificate: TLS 1.3 tells why only after the handshake, if at all. */
const CLOSED = 'the connection was closed while it was made; the log of the other node may say why';
