/**
 * The exchange of blobs between machines: a repository of a registry, to which one worker uploads what another one
 * needs.
 */
import { stat } from 'node:fs/promises';
import { MillinerError } from '../../lib/errors/error.ts';
import type { Progress } from '../../lib/host/progress.ts';
import type { Digest } from '../../lib/oci/digest.ts';
import { RegistryClient } from '../../lib/registry/client.ts';
import { parseReference } from '../../lib/registry/reference.ts';
import type { ContentStore } from '../../stages/content/store.ts';
import { invalid, maxReceivedBytes } from './received.ts';

export interface Exchange {
  client: RegistryClient;
  registry: string;
  repository: string;
}

interface ExchangeOptions {
  plainHttp: boolean;
  progress: Progress;
  signal?: AbortSignal | undefined;
}

/** The part of a run's context that is needed here. */
interface ExchangeContext {
  content: ContentStore;
  exchange?: Exchange | undefined;
}

/**
 * `place` is REGISTRY/REPOSITORY. Throws REFERENCE_INVALID, CREDENTIALS_INVALID; REGISTRY_INVALID if no registry is
 * there.
 */
export async function openExchange(
  place: string,
  { plainHttp, progress, signal }: ExchangeOptions,
): Promise<Exchange> {
  const { registry, repository, tag, digest } = parseReference(place);
  if (tag !== undefined || digest !== undefined) {
    throw new MillinerError('REFERENCE_INVALID', `${place} is not a repository: it has a tag or a digest`, {
      hint: 'Write it as HOST[:PORT]/REPOSITORY.',
    });
  }
  const tell = (sentence: string) => progress.warn(sentence);
  const client = await RegistryClient.open({
    registry,
    repository,
    plainHttp,
    pushes: true,
    report: tell,
    signal,
  });
  await client.ping();
  return { client, registry, repository };
}

/**
 * Ensures that the blob is in the store. If it is missing, it is fetched from the exchange, up to `maxBytes`.
 * Throws BLOB_MISSING, DIGEST_MISMATCH, EXCHANGE_INVALID.
 */
export async function obtain(
  { content, exchange }: ExchangeContext,
  digest: Digest,
  maxBytes = maxReceivedBytes,
): Promise<void> {
  if (await content.has(digest)) return;
  if (!exchange) {
    throw new MillinerError('BLOB_MISSING', `${digest} is not in the store`, { details: { digest } });
  }
  const { client, registry, repository } = exchange;
  const what = `${registry}/${repository}`;
  await content.ingestStream(bounded(client.streamBlob(repository, digest), digest, maxBytes), {
    digest,
    what,
  });
}

async function* bounded(source: AsyncIterable<Buffer>, digest: Digest, maxBytes: number) {
  let size = 0;
  for await (const chunk of source) {
    size += chunk.length;
    if (size > maxBytes) throw invalid('blob', `${digest} has more than ${maxBytes} bytes`);
    yield chunk;
  }
}

/** The bytes of a blob that is small enough for memory. */
export async function obtainBytes(context: ExchangeContext, digest: Digest): Promise<Buffer> {
  await obtain(context, digest);
  const chunks: Buffer[] = [];
  for await (const chunk of await context.content.openVerified(digest)) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** Uploads a blob to the exchange, if there is one. */
export async function shareBlob({ content, exchange }: ExchangeContext, digest: Digest): Promise<void> {
  if (!exchange) return;
  const path = await content.use(digest);
  const { size } = await stat(path);
  const verify = () => content.verify(digest);
  await exchange.client.pushBlob(exchange.repository, { digest, size, content: { path } }, { verify });
}

/** Adds bytes to the store, and uploads them to the exchange, if there is one. */
export async function shareBytes(context: ExchangeContext, bytes: Buffer): Promise<Digest> {
  async function* once() {
    yield bytes;
  }
  const { digest } = await context.content.ingestStream(once());
  await shareBlob(context, digest);
  return digest;
}
