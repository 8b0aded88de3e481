import { open } from 'node:fs/promises';

/**
 * The names in a directory (what was made, renamed or removed) are on the disk.
 * @throws the file system's error.
 */
export async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
