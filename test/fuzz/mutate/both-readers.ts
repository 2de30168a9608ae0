/** The addon's reader of payloads beside a second one, in JavaScript: both refuse a package, or both give the same files. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { MillinerError } from '../../../src/lib/errors/error.ts';
import { fileType } from '../../../src/lib/rpm/file-list.ts';
import { readPackage, type RpmPackage } from '../../../src/lib/rpm/package.ts';
import { parseListing } from '../../../src/stages/layer/tar/listing.ts';
import { SegmentBytes } from '../../../src/stages/layer/write/segment-bytes.ts';
import { writeLayer } from '../../../src/stages/layer/write/write-layer.ts';
import { readPayload } from '../../helpers/payload-reader/payload.ts';

/** By path: sha256, hexadecimal. */
type Contents = Map<string, string>;

/** Writes files beside the package; `onAddon` is called before the addon reads it. Throws the addon's refusal, and any error but that where the readers differ. */
export async function readWithBoth(path: string, onAddon: () => void): Promise<Contents> {
  const found = await readPackage(path);
  const places = found.files.flatMap(({ path: place, mode, flags }, index) =>
    (mode & fileType.mask) === fileType.regular && !flags.ghost ? [[index, place, 0, 0] as const] : [],
  );
  const segments = new SegmentBytes().package({ package: found, places }).bytes();
  onAddon();
  const ours = await outcomeOf(() => byAddon(path, segments));
  const theirs = await outcomeOf(() => bySecond(found));
  if (ours instanceof MillinerError && theirs instanceof MillinerError) throw ours;
  const shown = [ours, theirs].map((one) =>
    one instanceof MillinerError ? one.message : [...one].join(' '),
  );
  if (shown[0] !== shown[1]) throw new Error(`the readers differ: ${shown.join('\n')}`);
  return ours as Contents;
}

async function outcomeOf(read: () => Promise<Contents>): Promise<Contents | MillinerError> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof MillinerError && error.code === 'PACKAGE_INVALID') return error;
    throw error;
  }
}

async function byAddon(path: string, segments: Buffer): Promise<Contents> {
  const files = { layer: `${path}.layer`, listing: `${path}.listing` };
  await writeLayer(segments, files, { kind: 'zstd', level: 1 });
  const entries = await parseListing([await readFile(files.listing, 'utf8')]);
  const contents = entries.map(({ path: name, sha256, linkTarget }) => [name, sha256 ?? linkTarget] as const);
  const digests = new Map(contents);
  return sorted(contents.map(([name, value]) => [name, digests.get(value as never) ?? value!]));
}

async function bySecond(found: RpmPackage): Promise<Contents> {
  const contents: [string, string][] = [];
  for await (const { links, content } of readPayload(found, { isTrusted: true })) {
    const hash = createHash('sha256');
    for await (const piece of content) hash.update(piece);
    const digest = hash.digest('hex');
    for (const { path, flags } of links) if (!flags.ghost) contents.push([path, digest]);
  }
  return sorted(contents);
}

const sorted = (contents: [string, string][]): Contents =>
  new Map(contents.toSorted(([a], [b]) => (a < b ? -1 : 1)));
