import { EMPTY_BYTES } from '../base/index.ts';
import type { StoreApi, StoreError } from '../store/index.ts';
import type { RangeRequest } from '../wire/index.ts';

/** etcd's probe: keys only, at most one, from the lowest key on. */
export function probeRead(
  store: Pick<StoreApi, 'range'>,
  serializable: boolean,
  done: (error: StoreError | undefined) => void,
): void {
  const request: RangeRequest = {
    key: Buffer.from([0]),
    rangeEnd: EMPTY_BYTES,
    limit: 1,
    revision: 0,
    sortOrder: 0,
    sortTarget: 0,
    serializable,
    keysOnly: true,
    countOnly: false,
    minModRevision: 0,
    maxModRevision: 0,
    minCreateRevision: 0,
    maxCreateRevision: 0,
  };
  store.range(request, done);
}
