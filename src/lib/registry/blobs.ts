/** Looks for and reads the blobs of a registry (OCI distribution specification, "Pulling blobs"). */
import { MillinerError } from '../errors/error.ts';
import { AttemptError } from '../http/request.ts';
import { sha256Of, type Digest } from '../oci/digest.ts';
import { readBody } from './body.ts';
import type { Transport } from './transport.ts';

/**
 * Whether the repository has the blob; its size in bytes if the registry reports it, which is optional. A refusal
 * counts as absent: Artifactory refuses blobs that do not exist, and missing rights to push show at the push.
 */
export async function hasBlob(
  transport: Transport,
  repository: string,
  digest: Digest,
): Promise<{ size: number | undefined } | undefined> {
  const ask = { ...blobAsk(repository, digest), method: 'HEAD' as const, expect: [200, 403, 404] };
  return transport.ask(ask, async (response) => {
    await response.body.dump();
    if (response.statusCode !== 200) return undefined;
    const size = Number(response.headers['content-length'] ?? Number.NaN);
    return { size: Number.isSafeInteger(size) ? size : undefined };
  });
}

/** The blob's verified bytes, up to a maximum; undefined if the repository does not have it. */
export async function getBlob(
  transport: Transport,
  repository: string,
  digest: Digest,
  maxBytes: number,
): Promise<Buffer | undefined> {
  const ask = { ...blobAsk(repository, digest), method: 'GET' as const };
  return transport.ask(ask, async (response) => {
    if (response.statusCode === 404) {
      await response.body.dump();
      return undefined;
    }
    const broken = (what: string) =>
      transport.invalid(`${transport.registry} sends ${what} in place of ${digest}`, { repository, digest });
    const bytes = await readBody(response, maxBytes, () => broken(`more than ${maxBytes} bytes`));
    const length = response.headers['content-length'];
    if (length !== undefined && bytes.length !== Number(length))
      throw new AttemptError('the blob ends too early');
    if (sha256Of(bytes) !== digest) throw broken('other bytes');
    if (transport.reads) transport.reads.blobs[digest] = bytes.length;
    return bytes;
  });
}

/** Consecutive attempts that may break off without new bytes. */
const maxFruitlessAttempts = 5;

/**
 * The blob's bytes as they arrive, for blobs of any size. After a broken connection the transfer continues at the same
 * offset. The bytes are not verified: the caller must check the digest. Throws BLOB_MISSING.
 */
export async function* streamBlob(
  transport: Transport,
  repository: string,
  digest: Digest,
): AsyncGenerator<Buffer> {
  let offset = 0;
  for (let failed = 0; ; failed++) {
    const before = offset;
    const ask = {
      ...blobAsk(repository, digest),
      method: 'GET' as const,
      expect: [200, 206, 404],
      ...(offset > 0 && { headers: { range: `bytes=${offset}-` } }),
    };
    const response = await transport.ask(ask, async (answer) => answer);
    if (response.statusCode === 404) {
      await response.body.dump();
      throw new MillinerError('BLOB_MISSING', `${transport.registry}/${repository} has no ${digest}`, {
        details: { registry: transport.registry, repository, digest },
      });
    }
    // A registry without range requests sends the blob from the beginning.
    let skip = response.statusCode === 206 ? 0 : offset;
    try {
      for await (const chunk of response.body as AsyncIterable<Buffer>) {
        const fresh = chunk.subarray(Math.min(skip, chunk.length));
        skip -= chunk.length - fresh.length;
        offset += fresh.length;
        if (fresh.length > 0) yield fresh;
      }
      return;
    } catch (error) {
      if (offset > before) failed = 0;
      if (failed < maxFruitlessAttempts) {
        const reason = (error as Error).message;
        if ((error as Error).name !== 'AbortError')
          transport.report(
            `GET ${digest} broke off at ${offset} bytes (${reason}): the transfer continues there`,
          );
        continue;
      }
      throw new MillinerError(
        'REGISTRY_UNAVAILABLE',
        `${transport.registry} broke off the transfer of ${digest}`,
        {
          cause: error,
          details: { registry: transport.registry, repository, digest },
        },
      );
    }
  }
}

function blobAsk(repository: string, digest: Digest) {
  return {
    url: `/v2/${repository}/blobs/${digest}`,
    repository,
    access: 'pull' as const,
    expect: [200, 404],
  };
}
