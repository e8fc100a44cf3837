/** A message may exceed `--max-request-bytes` by this much, as in etcd (server/etcdserver/api/v3rpc/grpc.go). */
export const receiveOverheadBytes = 512 * 1024;
