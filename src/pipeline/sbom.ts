/** An image's bill of materials, from the rpm database that the image itself holds. */
import { createRequire } from 'node:module';
import { readInside } from '../host/inside.ts';
import { readInstalled } from '../rpm/database.ts';
import type { Distribution } from '../sign/purl.ts';
import { makeSbom, type SpdxDocument } from '../sign/sbom.ts';
import type { Context } from './context.ts';
import { databaseIn } from './imagedb.ts';
import type { ImageRecord } from './records.ts';
import { withTree } from './view.ts';

const { version } = createRequire(import.meta.url)('../../package.json') as { version: string };

/** The same image, the same document. Throws SNAPSHOT_NOT_FOUND, RPMDB_INVALID. */
export async function sbomOf(context: Context, record: ImageRecord): Promise<SpdxDocument> {
  const { name, manifestDigest, epoch, dbPath, checksums, snapshot } = record;
  return withTree(context, snapshot, async (root) =>
    makeSbom({
      name,
      manifestDigest,
      epoch,
      packages: await readInstalled(await databaseIn(root, dbPath)),
      checksums: new Map(Object.entries(checksums)),
      distribution: await distributionOf(root),
      tool: `milliner-${version}`,
    }),
  );
}

async function distributionOf(root: string): Promise<Distribution | undefined> {
  const text = (await readInside(root, 'etc/os-release')) ?? (await readInside(root, 'usr/lib/os-release'));
  const value = (key: string) =>
    new RegExp(`^${key}=["']?([a-z0-9._-]+)["']?\\s*$`, 'm').exec(text?.toString('utf8') ?? '')?.[1];
  const id = value('ID');
  return id === undefined ? undefined : { id, versionId: value('VERSION_ID') ?? '' };
}
