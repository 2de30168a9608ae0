/**
 * Private keys that a scriptlet made: the same key in every instance of an image is no secret. Each is removed
 * and reported with the package whose turn it was. Keys that packages themselves carry are theirs to answer for.
 */
import { createPrivateKey } from 'node:crypto';
import { readFile, rm } from 'node:fs/promises';
import { below, showBytes, type ByteString } from '../../host/paths.ts';
import { isAsPackaged, isInherited } from '../packaged.ts';
import { isRegular, parentOf, type TreeEntry } from '../tree.ts';
import { hasContentOf } from './leftovers.ts';
import type { InstalledTree } from './normalise.ts';
import { Makers, type Course } from './origin.ts';

export interface RemovedKey {
  path: string;
  kind: string;
  /** The package whose scriptlet made it, where its time tells. */
  package: string | undefined;
  /** Else the package that was being installed. */
  during?: string;
}

/** Larger files are no keys; reading every database of an image would cost more than the transaction. */
const largestKey = 1024 * 1024;

export async function removePrivateKeys(installed: InstalledTree, course: Course): Promise<RemovedKey[]> {
  const found: RemovedKey[] = [];
  const makers = new Makers(installed, course);
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

/** A key database of NSS is several files: without its keys the rest is not usable. */
const nssDatabase = /^(?:key[34]\.db|cert[89]\.db|secmod\.db|pkcs11\.txt)$/;
const nssSecret = /^(?:password|pin\.txt|noise\.txt|pwdfile\.txt)$/;

async function keyKind({ root, tree }: InstalledTree, entry: TreeEntry): Promise<string | undefined> {
  const name = entry.path.slice(entry.path.lastIndexOf('/') + 1);
  if (nssDatabase.test(name)) return 'NSS key database';
  if (nssSecret.test(name) && hasKeyDatabase(tree, entry.path)) return 'password of an NSS key database';
  if (entry.size > largestKey) return undefined;
  return kindOf(await readFile(below(root, entry.path)));
}

function hasKeyDatabase(tree: InstalledTree['tree'], path: ByteString): boolean {
  const directory = parentOf(path);
  return ['key3.db', 'key4.db'].some((name) => tree.has(`${directory}/${name}` as ByteString));
}

/** The armour alone also stands in databases of file types: what makes it a key is the text behind it. */
const pem =
  /^-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----\r?\n(?:[A-Za-z-]+: .*\r?\n|\r?\n)*[A-Za-z0-9+/=]{16,}/m;
const javaMagics = [0xfeedfeed, 0xcececece];
const privateKeyEntry = 1;

export function kindOf(bytes: Buffer): string | undefined {
  const text = bytes.toString('latin1');
  if (pem.test(text)) return 'PEM private key';
  if (text.startsWith('PuTTY-User-Key-File-')) return 'PuTTY private key';
  if (/^AGE-SECRET-KEY-1/m.test(text)) return 'age identity';
  if (/^\(?\d*:?\(?(?:protected-|shadowed-)?private-key/.test(text) || text.startsWith('(private-key')) {
    return 'GnuPG private key';
  }
  if (
    bytes.length > 16 &&
    javaMagics.includes(bytes.readUInt32BE(0)) &&
    bytes.readUInt32BE(12) === privateKeyEntry
  ) {
    return 'Java key store';
  }
  return isDer(bytes) ? 'DER private key' : undefined;
}

/** A DER SEQUENCE of exactly this length that OpenSSL reads as a key; PKCS #12 stores begin with version 3. */
function isDer(bytes: Buffer): boolean {
  if (bytes.length < 32 || bytes[0] !== 0x30) return false;
  if (isPkcs12(bytes)) return true;
  return (['pkcs8', 'pkcs1', 'sec1'] as const).some((type) => {
    try {
      return createPrivateKey({ key: bytes, format: 'der', type }) !== undefined;
    } catch {
      return false; // not a key of this type: that is the answer
    }
  });
}

function isPkcs12(bytes: Buffer): boolean {
  const version = Buffer.from([0x02, 0x01, 0x03, 0x30]);
  const content = Buffer.from([0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07]);
  return bytes.subarray(2, 16).includes(version) && bytes.subarray(0, 48).includes(content);
}
