/** Blobs of a registry, looked for and read (OCI distribution specification, "Pulling blobs"). */
import { AttemptError } from '../host/request.ts';
import { readBody } from './body.ts';
import { sha256Of, type Digest } from './descriptor.ts';
import type { Transport } from './transport.ts';

/** Its size; undefined where the repository does not have it. */
export async function hasBlob(
  transport: Transport,
  repository: string,
  digest: Digest,
): Promise<number | undefined> {
  const ask = { ...blobAsk(repository, digest), method: 'HEAD' as const };
  return transport.ask(ask, async (response) => {
    await response.body.dump();
    if (response.statusCode === 404) return undefined;
    const size = Number(response.headers['content-length'] ?? Number.NaN);
    if (Number.isSafeInteger(size)) return size;
    throw transport.invalid(`${transport.registry} does not tell the size of ${digest}`);
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
      transport.invalid(`${transport.registry} gives ${what} as ${digest}`, { repository, digest });
    const bytes = await readBody(response, maxBytes, () => broken(`more than ${maxBytes} bytes`));
    const length = response.headers['content-length'];
    if (length !== undefined && bytes.length !== Number(length))
      throw new AttemptError('the blob breaks off');
    if (sha256Of(bytes) === digest) return bytes;
    throw broken('other bytes');
  });
}

function blobAsk(repository: string, digest: Digest) {
  return {
    url: `/v2/${repository}/blobs/${digest}`,
    scope: `repository:${repository}:pull`,
    expect: [200, 404],
  };
}
