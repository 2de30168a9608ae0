/**
 * Fetches small documents by URL: metalinks, mirror lists, repomd.xml and its signature. The server is asked each time,
 * and sends only changes (RFC 9110, 13: If-None-Match, If-Modified-Since); a metalink's maxage is ignored. A document
 * is cached only after it was verified, so that a refused one is fetched again.
 */
import { createHash } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { MillinerError } from '../../lib/errors/error.ts';
import { writeFileAtomic } from '../../lib/host/atomic-file.ts';
import { fetchChanged, type FetchOptions } from '../../lib/http/download.ts';
import { showUrl } from '../../lib/http/request.ts';

export interface Document {
  bytes: Buffer;
  /** Caches the document; call it once the content is verified. */
  commit(): Promise<void>;
}

const cachedSchema = z.strictObject({
  etag: z.string().optional(),
  lastModified: z.string().optional(),
  sha256: z.string(),
  base64: z.string(),
});

interface CachedDocument {
  validators: { etag?: string | undefined; lastModified?: string | undefined };
  bytes: Buffer;
}

/** `what` names it in errors. Throws REPO_UNAVAILABLE, OFFLINE_MISSING, INTERRUPTED. */
export async function fetchDocument(
  url: string,
  what: string,
  cacheDir: string,
  options: FetchOptions,
): Promise<Document> {
  // Named by a hash, because a URL may contain a secret, or be longer than a file name.
  const path = join(cacheDir, `document-${sha256(url)}.json`);
  const cached = await readCached(path);
  const settled = async () => {};
  if (options.access?.offline) {
    if (cached) return { bytes: cached.bytes, commit: settled };
    throw new MillinerError('OFFLINE_MISSING', `${what} is not in the cache`, {
      details: { missing: what, url: showUrl(url) },
    });
  }
  const fetched = await fetchChanged(url, cached?.validators ?? {}, options);
  if (!fetched) return { bytes: cached!.bytes, commit: settled };
  const { bytes, validators } = fetched;
  return {
    bytes,
    commit: async () => {
      await mkdir(cacheDir, { recursive: true });
      const entry = { ...validators, sha256: sha256(bytes), base64: bytes.toString('base64') };
      await writeFileAtomic(path, JSON.stringify(entry));
    },
  };
}

/** A damaged cache file counts as absent. */
async function readCached(path: string): Promise<CachedDocument | undefined> {
  try {
    const {
      sha256: digest,
      base64,
      ...validators
    } = cachedSchema.parse(JSON.parse(await readFile(path, 'utf8')));
    const bytes = Buffer.from(base64, 'base64');
    return sha256(bytes) === digest ? { validators, bytes } : undefined;
  } catch {
    return undefined;
  }
}

function sha256(data: string | Buffer): string {
  return createHash('sha256').update(data).digest('hex');
}
