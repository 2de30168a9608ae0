/**
 * The bills of materials that were made of an image. Making them reads its database and all of its layers; the same
 * image has the same ones, so they are kept as a blob.
 */
import { join } from 'node:path';
import { z } from 'zod';
import { MillinerError } from '../../lib/errors/error.ts';
import { canonicalDigest, hexOf, type Digest } from '../../lib/oci/digest.ts';
import { obtainBytes, shareBlob } from './blob-exchange.ts';
import type { Context } from './context.ts';
import type { ImageRecord } from './image-records.ts';
import { JsonStore } from './json-store.ts';
import { digestSchema, parseSboms, type Sboms } from './received.ts';

const folder = 'sboms';
/** Raised when the documents of an image become other ones. */
const formVersion = 1;

const keptIn = (state: string) =>
  new JsonStore(join(state, folder), {
    what: 'the digest of bills of materials',
    schema: z.strictObject({ sboms: digestSchema }),
    isCache: true,
  });

/**
 * The blob of the documents; `make` is called where the state has none. The blob is in the exchange as well, if there is
 * one.
 */
export async function keptSboms(
  context: Context,
  record: ImageRecord,
  toolVersion: string,
  make: () => Promise<Sboms>,
): Promise<Digest> {
  const { name, manifestDigest, epoch, dbPath, checksums, tree } = record;
  const facts = { name, manifestDigest, epoch, dbPath, checksums, tree, toolVersion, formVersion };
  const key = hexOf(canonicalDigest(facts));
  const kept = await keptIn(context.state).read(key);
  const isKept = kept !== undefined && (await isThere(context, kept.sboms));
  const sboms = isKept ? kept.sboms : await store(context, await make());
  if (!isKept) await keptIn(context.state).write(key, { sboms });
  await shareBlob(context, sboms);
  return sboms;
}

/** Throws EXCHANGE_INVALID, BLOB_MISSING. */
export async function readSboms(context: Context, sboms: Digest): Promise<Sboms> {
  return parseSboms(await obtainBytes(context, sboms));
}

/** Marks the blob as used, so that gc keeps it. Who reads it verifies it. */
async function isThere({ content }: Context, digest: Digest): Promise<boolean> {
  try {
    await content.use(digest);
    return true;
  } catch (error) {
    if (error instanceof MillinerError && error.code === 'BLOB_MISSING') return false;
    throw error;
  }
}

async function store({ content }: Context, sboms: Sboms): Promise<Digest> {
  async function* once() {
    yield Buffer.from(JSON.stringify(sboms));
  }
  return (await content.ingestStream(once())).digest;
}
