/** Goal: a failed link has one reason, in words. Method: errors and headers as Node 20 gives them. */
import { describe, expect, test } from 'vitest';
import { connectionFailure, statusOf } from './failure-reason.ts';

const error = (message: string, more: object = {}): Error => Object.assign(new Error(message), more);
const refused = (host: string): Error => error(`connect ECONNREFUSED ${host}`, { code: 'ECONNREFUSED' });
const closed = expect.stringContaining('log of the other node') as string;

describe('a connection', () => {
  test.each([
    ['nobody listens', refused('10.0.0.1:2380'), 'connect ECONNREFUSED 10.0.0.1:2380'],
    [
      'at none of the addresses of a name',
      new AggregateError([refused('::1:2380'), refused('127.0.0.1:2380')]),
      'connect ECONNREFUSED ::1:2380, connect ECONNREFUSED 127.0.0.1:2380',
    ],
    ['reset while it was made', error('read ECONNRESET', { code: 'ECONNRESET' }), closed],
    ['closed while it was made', undefined, closed],
    [
      'a certificate',
      error('certificate has expired', { code: 'CERT_HAS_EXPIRED' }),
      'certificate has expired',
    ],
    [
      'an alert',
      error(
        '803C:error:0A00045C:SSL routines:ssl3_read_bytes:x:../rec_layer_s3.c:1601:SSL alert number 116',
        {
          ...{
            code: 'ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED',
            reason: 'tlsv13 alert certificate required',
          },
        },
      ),
      'tlsv13 alert certificate required',
    ],
  ])('%s', (_, cause, reason) => {
    expect(connectionFailure(cause)).toEqual(reason);
  });

  test('that had stood says what happened to it', () => {
    expect(connectionFailure(error('read ECONNRESET', { code: 'ECONNRESET' }), true)).toBe('read ECONNRESET');
  });
});

describe('the end of a call', () => {
  test.each([
    [{ ':status': 200 }, undefined],
    [{ 'grpc-status': '0' }, undefined],
    [{ ':status': 200, 'grpc-status': '14', 'grpc-message': 'no links%20yet' }, 'no links yet'],
    [{ 'grpc-status': '14', 'grpc-message': '100 %' }, '100 %'],
    [{ 'grpc-status': '12' }, 'status 12'],
    [{ ':status': 502 }, 'HTTP status 502'],
  ])('%j', (headers, reason) => {
    expect(statusOf(headers)).toBe(reason);
  });
});
