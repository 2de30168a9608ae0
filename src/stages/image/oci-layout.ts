/** Writes an OCI image layout (OCI image specification, image-layout.md) into a directory of the user. */
import { constants } from 'node:fs';
import { copyFile, link, mkdir, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { MillinerError } from '../../lib/errors/error.ts';
import { replaceFile, writeFileAtomic } from '../../lib/host/atomic-file.ts';
import { asStorageError, lstatIfThere, syncPath } from '../../lib/host/files.ts';
import { hashFiles } from '../../lib/host/hash-files.ts';
import { inParallel } from '../../lib/host/parallel.ts';
import { byteString } from '../../lib/host/paths.ts';
import { indexType } from '../../lib/oci/descriptor.ts';
import type { Descriptor } from './image.ts';

const refName = 'org.opencontainers.image.ref.name';

export interface LayoutBlob {
  digest: string;
  /** Path of the file in the store. */
  path: string;
  /** Rejects if that file does not hold the digest. */
  verify: () => Promise<unknown>;
}

/**
 * Adds an image to the layout under a tag and keeps the other images. Blobs are written first, and the index last and
 * atomically: a reader never sees a tag whose image is incomplete. Throws OUTPUT_UNUSABLE if the directory has other
 * content.
 */
export async function writeLayout(
  directory: string,
  tag: string,
  manifest: Descriptor,
  blobs: LayoutBlob[],
): Promise<void> {
  try {
    await addImage(directory, tag, manifest, blobs);
  } catch (error) {
    throw asOutputError(error, directory);
  }
}

async function addImage(
  directory: string,
  tag: string,
  manifest: Descriptor,
  blobs: LayoutBlob[],
): Promise<void> {
  const index = await openLayout(directory);
  const blobDirectory = join(directory, 'blobs', 'sha256');
  await mkdir(blobDirectory, { recursive: true });
  await inParallel(blobs, availableParallelism(), undefined, (blob) => addBlob(blobDirectory, blob));
  await syncPath(blobDirectory);
  const others = index.filter((entry) => entry.annotations?.[refName] !== tag);
  const manifests = [...others, { ...manifest, annotations: { [refName]: tag } }];
  await writeFileAtomic(join(directory, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
  await writeFileAtomic(
    join(directory, 'index.json'),
    JSON.stringify({ schemaVersion: 2, mediaType: indexType, manifests }),
  );
}

async function openLayout(directory: string): Promise<Descriptor[]> {
  await mkdir(directory, { recursive: true });
  const names = await readdir(directory);
  if (names.length === 0 || !names.includes('index.json')) {
    const foreign = names.filter(
      (name) => name !== 'blobs' && name !== 'oci-layout' && !name.endsWith('.tmp'),
    );
    if (foreign.length > 0) throw unusable(directory, `it holds ${foreign.slice(0, 3).join(', ')}`);
    return [];
  }
  const index: unknown = JSON.parse(await readFile(join(directory, 'index.json'), 'utf8'));
  const manifests = (index as { manifests?: unknown } | null)?.manifests;
  if (!names.includes('oci-layout') || !Array.isArray(manifests))
    throw unusable(directory, 'its index is malformed');
  return manifests as Descriptor[];
}

function asOutputError(error: unknown, directory: string): unknown {
  if (error instanceof MillinerError) return error;
  if (error instanceof SyntaxError) return unusable(directory, 'index.json is not JSON');
  const { code, syscall } = error as NodeJS.ErrnoException;
  if (code === 'ENOTDIR' || code === 'EEXIST') return unusable(directory, 'it is not a directory');
  // On a read-only file system Node's recursive mkdir fails with ENOENT.
  if (code === 'EROFS' || code === 'EACCES' || (code === 'ENOENT' && syscall === 'mkdir'))
    return unusable(directory, 'it cannot be written to');
  return asStorageError(error, directory);
}

function unusable(directory: string, reason: string): MillinerError {
  return new MillinerError('OUTPUT_UNUSABLE', `${directory} is not an OCI layout: ${reason}`, {
    details: { directory },
  });
}

async function addBlob(directory: string, { digest, path, verify }: LayoutBlob): Promise<void> {
  const target = join(directory, digest.replace('sha256:', ''));
  const [there, source] = [await lstatIfThere(target), await stat(path)];
  const isShared = there?.ino === source.ino && there.dev === source.dev;
  if (!isShared && there?.isFile() && (await holds(directory, digest))) return;
  // The disk may have damaged the blob since it was written.
  await verify();
  if (!isShared) await share(path, target);
}

/** It may have been damaged or edited since an earlier image was written. */
async function holds(directory: string, digest: string): Promise<boolean> {
  const hex = digest.replace('sha256:', '');
  const [digests] = await hashFiles(directory, [byteString(hex)], ['sha256']);
  return digests?.[0] === hex;
}

/**
 * Nothing is copied: the layout gets the extents of the store's file where the file system can share them, else another
 * name of the file, which is read-only. A copy on another file system alone.
 */
async function share(path: string, target: string): Promise<void> {
  try {
    await replaceFile(target, (_handle, temporary) =>
      copyFile(path, temporary, constants.COPYFILE_FICLONE_FORCE),
    );
    return;
  } catch (error) {
    if (!cannotShare.has((error as NodeJS.ErrnoException).code ?? '')) throw error;
  }
  const other = `${target}.link`;
  await rm(other, { force: true });
  try {
    await link(path, other);
    await rename(other, target);
  } catch (error) {
    if (!cannotShare.has((error as NodeJS.ErrnoException).code ?? '')) throw error;
    await replaceFile(target, (_handle, temporary) => copyFile(path, temporary));
  }
}

/** Another file system, or one without this; of links EPERM and EMLINK. */
const cannotShare = new Set([
  'EXDEV',
  'ENOTSUP',
  'EOPNOTSUPP',
  'EINVAL',
  'ENOTTY',
  'ENOSYS',
  'EPERM',
  'EMLINK',
]);
