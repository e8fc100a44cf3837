import type { Cancel, Logger, Scheduler } from '../base/index.ts';
import type { ClusterNode } from '../cluster/index.ts';

/** Longer than a fail-over, and than a node of the same name is watched for. */
const FIRST_MS = 5_000;
const AGAIN_MS = 30_000;

/**
 * Says now and then that the start waits for a leader, until what is returned is called. Links that fail are logged; one
 * that leads to the wrong node, as by a URL of localhost, is not, and the start would wait without a word.
 */
export function tellOfWaiting(
  node: Pick<ClusterNode, 'members'>,
  parts: { readonly name: string; readonly scheduler: Scheduler; readonly logger: Logger },
): Cancel {
  const { name: own, scheduler, logger } = parts;
  const tell = (): void => {
    const others = node.members().filter(({ name }) => name !== own);
    logger.warn('not ready yet: this node has not heard from a leader at its peer URL', {
      others: others.map(({ name, peerUrls }) => `${name} at ${peerUrls.join(' or ')}`),
    });
    cancel = scheduler.after(AGAIN_MS, tell);
  };
  let cancel = scheduler.after(FIRST_MS, tell);
  return () => cancel();
}

/**
 * Says each time that no leader is left to be heard of, and which half of the trouble this is: an outage of the store shows
 * nowhere else for as long as everything in it is tried again. What is returned ends it, when the server is closed.
 */
export function tellOfLoss(node: Pick<ClusterNode, 'onLeaderLost' | 'leads'>, logger: Logger): Cancel {
  let isOver = false;
  node.onLeaderLost(() => {
    if (isOver) return;
    if (node.leads)
      logger.warn('no leader: this node cannot renew its lease, the store does not answer in time');
    else logger.warn('no leader: the one there was has ended, cannot be reached, or cannot renew its lease');
  });
  return () => (isOver = true);
}
