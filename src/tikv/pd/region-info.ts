import { decodeBound } from '../key-codec.ts';
import { TikvError } from '../errors.ts';
import type { Peer, Received, RegionMeta } from '../messages.ts';
import type { PeerInfo, RegionInfo } from './pd.ts';

/**
 * A region as it is sent, with its bounds decoded; its keys are copies. Undefined while the region has no leader, which
 * is absent, has id 0 or is none of its peers then. Throws TikvError `protocol` for what is no region.
 */
export function regionInfo(
  meta: Received<RegionMeta>,
  leader: Received<Peer> | undefined,
): RegionInfo | undefined {
  const { regionEpoch } = meta;
  if (meta.id === 0n || regionEpoch === undefined)
    throw new TikvError('protocol', 'A region has no id or epoch');
  const peers = meta.peers.map(peerInfo);
  const leading = leader === undefined ? undefined : peers.find((peer) => peer.id === leader.id);
  if (leading === undefined) return undefined;
  return {
    id: meta.id,
    start: decodeBound(meta.startKey),
    end: decodeBound(meta.endKey),
    epoch: { confVer: regionEpoch.confVer, version: regionEpoch.version },
    peers,
    leader: leading,
  };
}

function peerInfo(peer: Received<Peer>): PeerInfo {
  return { id: peer.id, storeId: peer.storeId, role: peer.role ?? 0, isWitness: peer.isWitness ?? false };
}
