/** Error lines of kube-apiserver that say nothing about its store. Each has its reason; any other one fails the suite. */
export const ALLOWED_ERRORS: readonly { readonly pattern: RegExp; readonly reason: string }[] = [
  {
    pattern:
      /connection refused|transport: Error while dialing|use of closed network connection|connection reset by peer/,
    reason: 'Engram is killed and restarted while the API server runs, on purpose',
  },
  {
    pattern: /error reading from server: EOF|code = Unavailable/,
    reason: 'calls under way when Engram is killed end as broken connections',
  },
  {
    pattern:
      /timeout or abort while handling|http: Handler timeout|context canceled|context deadline exceeded/,
    reason: 'requests under way while Engram is away, or while the API server shuts down',
  },
  {
    pattern: /rpc error: code = Canceled/,
    reason: 'a client of the suite goes away while its watch is open',
  },
  {
    pattern: /no API server IP addresses were listed in storage, refusing to erase all endpoints/,
    reason: 'the only API server was killed and starts again; seen with etcd too',
  },
  {
    pattern: /compact failed: etcdserver: mvcc: required revision has been compacted/,
    reason:
      'the suite compacts by etcdctl, on a slow machine later than where the API server means to compact 20 s after it',
  },
  {
    pattern: /The manifest file is empty, ignoring/,
    reason: 'an optional configuration file that the suite does not give; seen with etcd too',
  },
  {
    pattern: /namespaces \\?"kube-system\\?" not found/,
    reason:
      'controllers of the API server race with its creation of the namespace on an empty store; seen with etcd too',
  },
];

/** The lines of klog at level E or F that no entry explains. */
export function unexplainedErrors(log: string): string[] {
  const errors = log.split('\n').filter((line) => /^[EF]\d{4} /.test(line));
  return errors.filter((line) => !ALLOWED_ERRORS.some(({ pattern }) => pattern.test(line)));
}
