/**
 * Writes packages of an rpm database as package files with only a header, so that programs that read packages can read
 * them.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readRows, refuseDatabase } from './database-process.ts';
import { isPackage } from './database.ts';
import { readIdentity, type Nevra } from './package.ts';
import { headerTags } from './tags.ts';

export interface DatabasePackage extends Nevra {
  nevra: string;
  /** Seconds since 1970. */
  buildTime: number;
  /** The header as it is in the database. */
  blob: Buffer;
}

/** Without rpm's public keys. Throws RPMDB_INVALID. */
export async function readDatabasePackages(path: string, read = readRows): Promise<DatabasePackage[]> {
  const refuse = refuseDatabase(path);
  const all = await Array.fromAsync(read(path, refuse), ({ header }) => ({
    ...readIdentity(header, refuse),
    buildTime: header.number(headerTags.BUILDTIME) ?? 0,
    blob: header.blob,
  }));
  return all.filter(isPackage);
}

const headerMagic = Buffer.from('8eade80100000000', 'hex');

/** A lead of format 3 for a binary package with a signature header, which is empty (rpm's lib/rpmlead.c). */
function lead(): Buffer {
  const bytes = Buffer.alloc(96);
  Buffer.from('edabeedb0300', 'hex').copy(bytes);
  bytes.writeUInt16BE(1, 8);
  bytes.writeUInt16BE(1, 76);
  bytes.writeUInt16BE(5, 78);
  return bytes;
}

/** Returns the paths of the files. */
export async function writeHeaderFiles(
  packages: readonly DatabasePackage[],
  directory: string,
): Promise<string[]> {
  const head = Buffer.concat([lead(), headerMagic, Buffer.alloc(8), headerMagic]);
  return Promise.all(
    packages.map(async ({ blob }, index) => {
      const path = join(directory, `${index}.rpm`);
      await writeFile(path, Buffer.concat([head, blob]));
      return path;
    }),
  );
}
