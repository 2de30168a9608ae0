/**
 * Moves owners of files between an image and a user namespace, in a directory of the host that no ID-mapped mount
 * shows. Every kind of ID moves: owner, group, ACLs (acl(5)) and capabilities (capabilities(7)).
 */
import type { ScanEntry } from '../host/native.ts';
import type { IdRange } from './userns.ts';

export type Owned = Pick<ScanEntry, 'uid' | 'gid' | 'xattrs'>;

/** The file as programs of the namespace must see it, from the file as it is in the image. */
export const movedIn = (owned: Owned, ids: IdRange | undefined): Owned =>
  ids ? moved(owned, ids.start, intoNamespace(ids.start)) : owned;

/** The file as it must be in the image, from the file that programs of the namespace made. */
export const movedOut = (owned: Owned, ids: IdRange | undefined): Owned =>
  ids ? moved(owned, -ids.start, outOfNamespace(ids.start)) : owned;

function moved({ uid, gid, xattrs }: Owned, by: number, capability: (value: Buffer) => Buffer): Owned {
  const values = Object.entries(xattrs ?? {}).map(([name, value]): [string, Buffer] => {
    if (name === 'security.capability') return [name, capability(value)];
    return [name, name.startsWith('system.posix_acl_') ? movedAcl(value, by) : value];
  });
  return { uid: uid + by, gid: gid + by, ...(xattrs && { xattrs: Object.fromEntries(values) }) };
}

/**
 * <linux/posix_acl_xattr.h>: a version, then entries of tag, permissions and ID. These tags are for a given user or
 * group.
 */
const idEntryTags = new Set([0x02, 0x08]);

function movedAcl(value: Buffer, by: number): Buffer {
  const acl = Buffer.from(value);
  for (let at = 4; at + 8 <= acl.length; at += 8)
    if (idEntryTags.has(acl.readUInt16LE(at))) acl.writeUInt32LE(acl.readUInt32LE(at + 4) + by, at + 4);
  return acl;
}

/** <linux/capability.h>: the third revision adds the root user of the namespace in which the capabilities count. */
const revision = { second: 0x0200_0000, third: 0x0300_0000, mask: 0xff00_0000 };
const length = { second: 20, third: 24 };

function intoNamespace(root: number) {
  return (value: Buffer): Buffer => {
    if (value.length !== length.second) return value;
    const magic = value.readUInt32LE(0);
    if ((magic & revision.mask) !== revision.second) return value;
    const made = Buffer.alloc(length.third);
    value.copy(made);
    made.writeUInt32LE((magic & 0x00ff_ffff) | revision.third, 0);
    made.writeUInt32LE(root, length.second);
    return made;
  };
}

function outOfNamespace(root: number) {
  return (value: Buffer): Buffer => {
    if (value.length !== length.third) return value;
    const magic = value.readUInt32LE(0);
    if ((magic & revision.mask) !== revision.third) return value;
    if (value.readUInt32LE(length.second) !== root) return value;
    const made = Buffer.from(value.subarray(0, length.second));
    made.writeUInt32LE((magic & 0x00ff_ffff) | revision.second, 0);
    return made;
  };
}
