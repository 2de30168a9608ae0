/** Makes an image's bills of materials from its own rpm database, layers and manifest. */
import { createRequire } from 'node:module';
import { readInside } from '../../lib/host/resolve-in-root.ts';
import type { Digest } from '../../lib/oci/digest.ts';
import { readInstalled } from '../../lib/rpm/database.ts';
import { databaseIn } from '../../lib/rpm/image-database.ts';
import { headerTags } from '../../lib/rpm/tags.ts';
import { cyclonedxDocument } from '../../stages/sign/cyclonedx.ts';
import type { Distribution } from '../../stages/sign/purl.ts';
import { sbomFacts, type SbomBase, type SbomFile, type SbomInput } from '../../stages/sign/sbom.ts';
import { spdxDocument } from '../../stages/sign/spdx.ts';
import { maxDocumentBytes } from '../../stages/sign/untrusted-json.ts';
import { obtainBytes } from '../state/blob-exchange.ts';
import { withContext, type Context, type RunOptions } from '../state/context.ts';
import { keptSboms, readSboms } from '../state/kept-sboms.ts';
import { findRecord } from '../state/find-image.ts';
import { titleOf, type ImageRecord } from '../state/image-records.ts';
import type { Sboms } from '../state/received.ts';
import { withView } from '../state/snapshots.ts';
import { filesOf } from './sbom-files.ts';

const { version } = createRequire(import.meta.url)('../../../package.json') as { version: string };

export const sbomFormats = ['spdx', 'cyclonedx'] as const satisfies (keyof Sboms)[];

export type SbomFormat = (typeof sbomFormats)[number];

/** Throws IMAGE_NOT_FOUND, and what sbomsOf throws. */
export async function exportSbom(
  options: RunOptions,
  image: string,
  { format, arch }: { format: SbomFormat; arch?: string | undefined },
): Promise<object> {
  return withContext(options, async (context) => {
    const record = await findRecord(context.state, image, arch);
    return (await context.content.lease(() => sbomsOf(context, record)))[format];
  });
}

/** Bytes of the statement around a document. */
const maxStatementBytes = 4096;

/**
 * The blob with both documents. The same image gives the same documents. Throws SNAPSHOT_NOT_FOUND, RPMDB_INVALID,
 * LAYERS_DIFFER, BLOB_MISSING.
 */
export function sbomBlob(context: Context, record: ImageRecord): Promise<Digest> {
  return keptSboms(context, record, version, () => makeSboms(context, record));
}

/** Throws the same. */
export async function sbomsOf(context: Context, record: ImageRecord): Promise<Sboms> {
  return readSboms(context, await sbomBlob(context, record));
}

async function makeSboms(context: Context, record: ImageRecord): Promise<Sboms> {
  context.progress.step(`listing what ${record.name} holds`);
  const input = await withView(context, record.snapshot, (root) => inputOf(context, record, root));
  return boundedSboms(input, (text) => context.progress.warn(`${record.name}: ${text}`));
}

type Listed = SbomInput & { files: SbomFile[] };

/** Bytes that a file takes at least in either document, so that no document is built that must be too large. */
const minFileBytes = 200;

/**
 * Documents above a reader's bound would be refused. Then both list no files, and say so; the caller gets a warning.
 */
export function boundedSboms(
  input: Listed,
  warn: (text: string) => void,
  maxBytes = maxDocumentBytes - maxStatementBytes,
): Sboms {
  const { length } = input.files;
  if (length * minFileBytes <= maxBytes) {
    const whole = sbomsFrom(input);
    const sizes = Object.values(whole).map((one) => Buffer.byteLength(JSON.stringify(one)));
    if (Math.max(...sizes) <= maxBytes) return whole;
  }
  warn(
    `its bills of materials list no files: with all ${length} they would have more than ${maxBytes} bytes`,
  );
  return sbomsFrom({ ...input, files: 'untold' });
}

function sbomsFrom(input: SbomInput): Sboms {
  const facts = sbomFacts(input);
  return { spdx: spdxDocument(facts), cyclonedx: cyclonedxDocument(facts) };
}

async function inputOf(context: Context, record: ImageRecord, root: string): Promise<Listed> {
  const { manifestDigest, epoch, dbPath, checksums } = record;
  const packages = dbPath === undefined ? [] : await readInstalled(await databaseIn(root, dbPath));
  return {
    name: titleOf(record),
    manifestDigest,
    epoch,
    packages: packages.map((one) => ({ ...one, module: one.header.string(headerTags.MODULARITYLABEL) })),
    checksums: new Map(Object.entries(checksums)),
    files: await filesOf(context, record, packages),
    distribution: await distributionOf(root),
    base: await baseOf(context, record),
    tool: { name: 'milliner', version },
  };
}

const baseAnnotation = 'org.opencontainers.image.base';

/** The base that the manifest records. A base that is a file system has no name. */
async function baseOf(context: Context, { manifestDigest }: ImageRecord): Promise<SbomBase | undefined> {
  const manifest = await obtainBytes(context, manifestDigest);
  const { annotations = {} } = JSON.parse(manifest.toString('utf8')) as {
    annotations?: Record<string, string>;
  };
  const [name, digest] = [annotations[`${baseAnnotation}.name`], annotations[`${baseAnnotation}.digest`]];
  return name === undefined || digest === undefined ? undefined : { name, manifestDigest: digest };
}

async function distributionOf(root: string): Promise<Distribution | undefined> {
  const text = (await readInside(root, 'etc/os-release')) ?? (await readInside(root, 'usr/lib/os-release'));
  const value = (key: string) =>
    new RegExp(`^${key}=["']?([a-z0-9._-]+)["']?\\s*$`, 'm').exec(text?.toString('utf8') ?? '')?.[1];
  const id = value('ID');
  return id === undefined ? undefined : { id, versionId: value('VERSION_ID') ?? '' };
}
