import { request } from 'node:http';

export interface HttpRequest {
  readonly method?: string;
  /** As it is to be sent, with the query. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
}

export interface HttpReply {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: string;
}

/** One request over HTTP/1.1, sent exactly as it is said: `fetch` would tidy up paths and headers. */
export function httpRequest(origin: string, what: HttpRequest): Promise<HttpReply> {
  const { hostname, port } = new URL(origin);
  const { method = 'POST', path, headers = {}, body = '' } = what;
  return new Promise((resolve, reject) => {
    const length = method === 'GET' || method === 'HEAD' ? {} : { 'content-length': Buffer.byteLength(body) };
    const call = request({ hostname, port, method, path, headers: { ...length, ...headers }, agent: false });
    call.on('error', reject);
    call.on('response', (response) => {
      const parts: Buffer[] = [];
      response.on('data', (part: Buffer) => parts.push(part));
      response.on('error', reject);
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: Buffer.concat(parts).toString('utf8'),
        }),
      );
    });
    call.end(method === 'GET' || method === 'HEAD' ? undefined : body);
  });
}

const HEADERS = [
  'content-type', 'grpc-metadata-content-type', 'allow', 'location', 'www-authenticate', 'x-content-type-options',
  'access-control-allow-origin', 'access-control-allow-methods', 'access-control-allow-headers',
]; // prettier-ignore

/** What two servers must agree on. Not compared: how a body is framed, and headers of the HTTP library. */
export function comparable(reply: HttpReply): unknown {
  const headers = HEADERS.filter((name) => reply.headers[name] !== undefined);
  return {
    status: reply.status,
    headers: Object.fromEntries(headers.map((name) => [name, reply.headers[name]])),
    body: masked(plain(reply.body)),
  };
}

/** Go's protojson writes spaces as its build happens to be: after commas, and one that does not break after `proto:`. */
function plain(body: string): string {
  if (!/^\s*[{[]/.test(body)) return body;
  return body.replaceAll('\u00a0', ' ').replace(/("(?:[^"\\]|\\.)*")| +/g, '$1');
}

/** Numbers that are a server's own matter. */
const OWN =
  /"(cluster_id|member_id|raft_term|ID|leader|raftIndex|raftTerm|raftAppliedIndex|dbSize|dbSizeInUse|dbSizeQuota|hash)":("?)\d{1,}\2/g;

function masked(body: string): string {
  return (
    body
      .replace(OWN, (all, name: string, quote: string) =>
        name === 'ID' && !/\d{12}/.test(all) ? all : `"${name}":${quote}N${quote}`,
      )
      .replace(/127\.0\.0\.1:\d+/g, 'HOST')
      .replace(/"(version|storageVersion)":"\d+\.\d+\.\d+"/g, '"$1":"V"')
      // Which of the two parts of etcd's gateway notices first that a deadline is over, is a matter of chance.
      .replace('stream terminated by RST_STREAM with error code: CANCEL', 'context deadline exceeded')
  );
}
