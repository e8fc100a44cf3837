import { readdir, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';

/** The bytes of the files in `directory` whose names match; files that vanish meanwhile count as nothing. */
export async function filesBytes(directory: string, pattern: RegExp): Promise<number> {
  const names = (await readdir(directory)).filter((name) => pattern.test(name));
  const sizes = await Promise.all(names.map((name) => fileBytes(join(directory, name))));
  return sizes.reduce((sum, size) => sum + size, 0);
}

/** What this process may still write to the file system of `directory`. */
export async function freeBytes(directory: string): Promise<number> {
  const { bsize, bavail, bfree } = await statfs(directory);
  return bsize * (process.getuid?.() === 0 ? bfree : bavail);
}

async function fileBytes(path: string): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return 0;
    throw error;
  }
}
