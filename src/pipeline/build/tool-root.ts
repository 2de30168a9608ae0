/**
 * The tool root: rpm and its dependencies, unpacked from the recipe's own repositories without running scriptlets. So
 * the same rpm makes the same image on every host.
 */
import { mkdir, rename } from 'node:fs/promises';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { dirname, extname, join } from 'node:path';
import { z } from 'zod';
import { asStorageError } from '../../lib/host/files.ts';
import { native } from '../../lib/host/native.ts';
import type { Progress } from '../../lib/host/progress.ts';
import { removeTree } from '../../lib/host/remove-tree.ts';
import { Workers } from '../../lib/host/workers.ts';
import type { RpmPackage } from '../../lib/rpm/package.ts';
import { toolRootSegments } from './tool-root-files.ts';
import type { ToolRootTask } from './tool-root-worker.ts';

const module = join(import.meta.dirname, `tool-root-worker${extname(import.meta.filename)}`);

/** A package whose file is verified, or about to be. */
interface ToolPackage {
  sha256: string;
  package: RpmPackage;
}

export interface ToolRootPlaces {
  /** Directory of the tool roots. */
  place: string;
  /** A temporary directory on the same file system, which does not exist yet and is removed with its process. */
  temporary: string;
}

interface UnpackOptions {
  progress: Progress;
  signal?: AbortSignal | undefined;
}

/**
 * Returns the directory; made once for a set of packages, atomically.
 * @param options.trusted rejects if a signature is invalid; until it resolves, the unpacked files do not count
 */
export async function ensureToolRoot(
  { place: directory, temporary }: ToolRootPlaces,
  packages: ToolPackage[],
  { trusted, ...options }: UnpackOptions & { trusted: Promise<unknown> },
): Promise<string> {
  const digests = packages.map(({ sha256 }) => sha256).toSorted();
  const key = createHash('sha256').update(digests.join('\n')).digest('hex');
  const place = join(directory, key);
  if (existsSync(place)) return place;
  try {
    await mkdir(temporary);
    await unpack(
      temporary,
      packages.map((one) => one.package),
      options,
    );
    await trusted;
    // Synced before the rename, because a directory that exists after a crash counts as complete.
    await native().syncfs(temporary);
    await rename(temporary, place).catch(async (error: NodeJS.ErrnoException) => {
      // Another process was faster, and the same packages give the same tree.
      if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
      await removeTree(temporary);
    });
  } catch (error) {
    throw asStorageError(error, place);
  }
  return place;
}

async function unpack(
  root: string,
  packages: RpmPackage[],
  { progress, signal }: UnpackOptions,
): Promise<void> {
  progress.step(`unpacking the tool root of ${packages.length} packages`);
  // All are in the content store.
  const reads = [...new Set(packages.map(({ path }) => dirname(path)))];
  const segments = toolRootSegments(packages).toString('base64');
  await using workers = new Workers<ToolRootTask>({ module, maxCount: 1, reach: { reads, writes: root } });
  await workers.run({ root, segments }, z.object({}), signal);
}
