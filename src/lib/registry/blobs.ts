/** Blobs of a registry, looked for and read (OCI distribution specification, "Pulling blobs"). */
import { MillinerError } from '../errors/error.ts';
import { AttemptError } from '../http/request.ts';
import { sha256Of, type Digest } from '../oci/digest.ts';
import { readBody } from './body.ts';
import type { Transport } from './transport.ts';

/**
 * Whether the repository has it; its size, in bytes, is what a registry should tell, and need not. A refusal is no
 * answer: Artifactory refuses what is not there, and whoever may not push hears it when they push.
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

/** Its verified bytes, at most so many; undefined where the repository does not have it. */
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
    if (sha256Of(bytes) === digest) return bytes;
    throw broken('other bytes');
  });
}

/** How often in a row an answer may break off without having brought anything. */
const maxFruitlessAttempts = 5;

/**
 * Its bytes as they come, for blobs of any size; where an answer breaks off, it is gone on with from there. They are
 * not verified: whoever takes them holds them to the digest. Throws BLOB_MISSING.
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
    // A registry may not know ranges; then it begins anew.
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
