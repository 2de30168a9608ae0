/** What docker-registry keeps, from its own directory: nobody's protocol stands between. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * Every blob, layer link, manifest and tag, each with what it leads to, sorted. Uploads that were begun and the
 * times at which they were are left out, and so is what tags led to before: a registry collects that itself.
 */
export async function storedIn(storage: string): Promise<string[]> {
  const root = join(storage, 'docker/registry/v2');
  const all = await readdir(root, { recursive: true, withFileTypes: true });
  const files = all
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1))
    .filter((path) => !path.includes('/_uploads/') && !path.includes('/index/'));
  const described = files.map(async (path) =>
    path.endsWith('/link') ? `${path} ${await readFile(join(root, path), 'utf8')}` : path,
  );
  return (await Promise.all(described)).toSorted();
}
