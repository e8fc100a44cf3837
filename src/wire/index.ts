/** Protobuf bytes of etcd's API: hand-written codecs for the hot messages, proto-loader for the rest. */

export * from './messages.ts';
