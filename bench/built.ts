/**
 * The rooms as they are shipped: compiled, from dist/. The types are those of the sources, so that a benchmark which no
 * longer fits them does not compile. `npm run bench` builds first when the sources have changed.
 */

import type * as Base from '../src/base/index.ts';
import type * as Heap from '../src/cli/heap.ts';
import type * as Runtime from '../src/cli/runtime.ts';
import type * as Level from '../src/engine/level/index.ts';
import type * as Memory from '../src/engine/memory/index.ts';
import type * as Index from '../src/index/index.ts';
import type * as Log from '../src/log/index.ts';
import type * as Store from '../src/store/index.ts';
import type * as Watch from '../src/watch/index.ts';
import type * as Wire from '../src/wire/index.ts';

const dist = new URL('../dist/', import.meta.url);

async function built<T>(file: string): Promise<T> {
  return (await import(new URL(file, dist).href)) as T;
}

export const base = await built<typeof Base>('base/index.js');
export const index = await built<typeof Index>('index/index.js');
export const log = await built<typeof Log>('log/index.js');
export const level = await built<typeof Level>('engine/level/index.js');
export const memory = await built<typeof Memory>('engine/memory/index.js');
export const heap = await built<typeof Heap>('cli/heap.js');
export const runtime = await built<typeof Runtime>('cli/runtime.js');
export const store = await built<typeof Store>('store/index.js');
export const watch = await built<typeof Watch>('watch/index.js');
export const wire = await built<typeof Wire>('wire/index.js');
