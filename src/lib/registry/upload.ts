/**
 * Pushes blobs to a registry (OCI distribution specification, "Pushing blobs"): existing blobs are skipped, blobs of
 * another repository are mounted, and the rest is sent.
 */
import { MillinerError } from '../errors/error.ts';
import type { BlobSource } from './blob-source.ts';
import { hasBlob } from './blobs.ts';
import type { Transport } from './transport.ts';
import { placeOfUpload, uploads, UploadSession, type Place } from './upload-session.ts';

export interface PushOptions {
  /** A repository of the same registry that may have the blob. */
  mountFrom?: string | undefined;
  /** Called once before the first byte is read. */
  beforeSending?: (() => Promise<void>) | undefined;
  /** Reads the whole blob, and throws if its bytes do not have its digest. */
  verify?: (() => Promise<unknown>) | undefined;
  /** May be called very often. The count goes back when an upload begins again. */
  onProgress?: ((done: number, total: number) => void) | undefined;
}

export type Pushed = 'present' | 'mounted' | 'uploaded';

export async function pushBlob(
  transport: Transport,
  repository: string,
  blob: BlobSource,
  { mountFrom, beforeSending, verify, onProgress }: PushOptions = {},
): Promise<Pushed> {
  const isThere = async () => {
    const found = await hasBlob(transport, repository, blob.digest);
    if (found?.size !== undefined && found.size !== blob.size) {
      throw transport.invalid(
        `${transport.registry} has ${found.size} bytes for ${blob.digest}, not ${blob.size}`,
      );
    }
    return found !== undefined;
  };
  if (await isThere()) return 'present';
  let place: Place | undefined;
  if (mountFrom !== undefined && mountFrom !== repository) {
    const answer = await mount(transport, repository, blob, mountFrom);
    if (answer === 'mounted') return 'mounted';
    place = answer;
  }
  await beforeSending?.();
  await new UploadSession({ transport, repository, blob, isThere, verify, onProgress }, place).run();
  return 'uploaded';
}

/** A registry that cannot mount starts an upload, or refuses, perhaps because of the other repository alone. */
async function mount(
  transport: Transport,
  repository: string,
  { digest }: BlobSource,
  from: string,
): Promise<'mounted' | Place | undefined> {
  const query = new URLSearchParams({ mount: digest, from });
  const url = `${uploads(repository)}?${query.toString()}`;
  const ask = {
    method: 'POST' as const,
    url,
    repository,
    access: 'push' as const,
    readsAlso: from,
    expect: [201, 202, 400, 401, 403, 404, 405, 500, 501],
  };
  try {
    return await transport.ask(ask, async (response) => {
      await response.body.dump();
      if (response.statusCode === 201) return 'mounted';
      return response.statusCode === 202 ? placeOfUpload(transport, response, url) : undefined;
    });
  } catch (error) {
    if (error instanceof MillinerError && error.code === 'REGISTRY_DENIED') return undefined;
    throw error;
  }
}
