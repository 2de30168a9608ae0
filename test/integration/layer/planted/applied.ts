/**
 * What an image shows, by a reader of its own: it knows the OCI image specification and POSIX.1-2001's tar, and nothing
 * of how we write either. Throws where a blob is not what is said of it.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pieces } from './pieces.ts';
import { readTar, type Member } from './tarreader.ts';

interface Descriptor {
  mediaType: string;
  digest: string;
  size: number;
  annotations?: Record<string, string>;
}

/** By path: all that an image says of what is there. */
export type Applied = Map<string, string>;

const decompressors: Record<string, string> = {
  'application/vnd.oci.image.layer.v1.tar+zstd': 'zstd',
  'application/vnd.oci.image.layer.v1.tar+gzip': 'gzip',
};

/** @param blobs where files of SHA-256 lie */
export function applied(blobs: string, manifestDigest: string): Applied {
  const blob = ({ digest, size }: Pick<Descriptor, 'digest'> & { size?: number }) => {
    const bytes = readFileSync(join(blobs, digest.replace('sha256:', '')));
    if (sha256(bytes) !== digest || (size ?? bytes.length) !== bytes.length)
      throw new Error(`${digest} is not`);
    return bytes;
  };
  const manifest = JSON.parse(blob({ digest: manifestDigest }).toString()) as {
    config: Descriptor;
    layers: Descriptor[];
  };
  const config = JSON.parse(blob(manifest.config).toString()) as { rootfs: { diff_ids: string[] } };
  if (config.rootfs.diff_ids.length !== manifest.layers.length) throw new Error('layers and diffIDs');
  const tree = new Map<string, Shown>();
  for (const [index, layer] of manifest.layers.entries()) {
    const bytes = blob(layer);
    const tar = execFileSync(decompressors[layer.mediaType]!, ['-dcq'], { input: bytes, maxBuffer: 1 << 30 });
    if (sha256(tar) !== config.rootfs.diff_ids[index]) throw new Error(`diffID of layer ${index}`);
    const members = readTar(tar);
    if (layer.annotations) pieces(bytes, layer.annotations, tar, members);
    lay(tree, members);
  }
  return described(tree);
}

const sha256 = (bytes: Buffer) => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

interface Shown extends Member {
  /** Stands for the inode. */
  inode: object;
}

function lay(tree: Map<string, Shown>, members: Member[]): void {
  const whiteouts = members.filter(({ name }) => /(?:^|\/)\.wh\./.test(name));
  for (const { name } of whiteouts) remove(tree, name.replace(/\.wh\.([^/]+)$/, '$1'));
  for (const member of members) {
    if (whiteouts.includes(member)) continue;
    const name = member.name.replace(/\/$/, '').replace(/^\.$/, '');
    const there = tree.get(name);
    if (there && !(there.type === '5' && member.type === '5')) remove(tree, name);
    if (member.type === '1') {
      const first = tree.get(member.target);
      if (first?.type !== '0') throw new Error(`${name} is a link to nothing`);
      tree.set(name, first);
    } else tree.set(name, { ...member, inode: {} });
  }
}

function remove(tree: Map<string, Shown>, name: string): void {
  for (const path of tree.keys()) if (path === name || path.startsWith(`${name}/`)) tree.delete(path);
}

function described(tree: Map<string, Shown>): Applied {
  const names = Map.groupBy([...tree], ([, { inode }]) => inode);
  const shown = [...tree].map(([path, { inode, name: _name, content, at: _at, ...rest }]) => {
    const mates = names.get(inode)!.map(([mate]) => mate);
    const parent = path.includes('/') ? tree.get(path.slice(0, path.lastIndexOf('/'))) : undefined;
    if (path.includes('/') && parent?.type !== '5') throw new Error(`${path} is below what is no directory`);
    return [path, JSON.stringify({ ...rest, content: sha256(content), mates: mates.toSorted() })] as const;
  });
  return new Map(shown);
}

/** Paths at which two images are not alike. */
export function differing(one: Applied, other: Applied): string[] {
  return [...new Set([...one.keys(), ...other.keys()])].filter((path) => one.get(path) !== other.get(path));
}
