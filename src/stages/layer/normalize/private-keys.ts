/**
 * Removes private keys and machine identifiers that a scriptlet made: a key that every instance of an image shares is
 * no secret. Each is reported with the package that was being installed. Keys that packages themselves contain are left
 * to their packagers.
 */
import { readFile, rm } from 'node:fs/promises';
import { below, showBytes, type ByteString } from '../../../lib/host/paths.ts';
import { isAsPackaged, isInherited } from '../packages/packaged.ts';
import { isRegular, parentOf, type TreeEntry } from '../tree.ts';
import { kindOf, kindOfPlace } from './key-kinds.ts';
import { hasContentOf } from './leftovers.ts';
import type { InstalledTree } from './normalize.ts';
import type { Makers } from './origin.ts';

export interface RemovedKey {
  path: string;
  kind: string;
  /** The package whose scriptlet made it, if its time tells. */
  package?: string | undefined;
  /** Otherwise the package that was being installed. */
  during?: string;
}

/** Larger files are not keys. Reading every database of an image would take longer than the transaction. */
const maxKeyBytes = 1024 * 1024;

export async function removePrivateKeys(installed: InstalledTree, makers: Makers): Promise<RemovedKey[]> {
  const found: RemovedKey[] = [];
  for (const entry of installed.tree.values()) {
    if (!isRegular(entry) || entry.size === 0) continue;
    if (isInherited(entry, installed.parent) || isAsPackaged(entry, installed.packaged)) continue;
    if (hasContentOf(entry, installed.parent?.get(entry.path))) continue;
    const kind = await keyKind(installed, entry);
    if (!kind) continue;
    await rm(below(installed.root, entry.path));
    const maker = makers.of(entry)?.package;
    const { during } = maker === undefined ? makers.unknown(entry) : {};
    found.push({
      path: `/${showBytes(entry.path)}`,
      kind,
      package: maker,
      ...(during !== undefined && { during }),
    });
  }
  return found;
}

/** A key database of NSS has several files, which are useless without the keys. */
const nssDatabase = /^(?:key[34]\.db|cert[89]\.db|secmod\.db|pkcs11\.txt)$/;
const nssSecret = /^(?:password|pin\.txt|noise\.txt|pwdfile\.txt)$/;

async function keyKind({ root, tree }: InstalledTree, entry: TreeEntry): Promise<string | undefined> {
  const name = entry.path.slice(entry.path.lastIndexOf('/') + 1);
  if (nssDatabase.test(name)) return 'NSS key database';
  if (nssSecret.test(name) && hasKeyDatabase(tree, entry.path)) return 'password of an NSS key database';
  const kind = kindOfPlace(entry.path);
  if (kind !== undefined || entry.size > maxKeyBytes) return kind;
  return kindOf(await readFile(below(root, entry.path)), entry.path);
}

function hasKeyDatabase(tree: InstalledTree['tree'], path: ByteString): boolean {
  const directory = parentOf(path);
  return ['key3.db', 'key4.db'].some((name) => tree.has(`${directory}/${name}` as ByteString));
}
