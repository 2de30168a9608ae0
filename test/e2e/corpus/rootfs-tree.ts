/** Trees as rows: the truth's table, and an image's layers unpacked. */
import { createReadStream } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { gunzipSync } from 'node:zlib';
import { fileChecksum } from '../../../src/lib/host/checksum.ts';
import { native, type ScanEntry } from '../../../src/lib/host/native.ts';
import { showBytes } from '../../../src/lib/host/paths.ts';
import { unpackLayer } from '../../../src/stages/layer/apply/unpack.ts';
import type { Digest } from '../../../src/lib/oci/digest.ts';
import type { Context } from '../../../src/pipeline/state/context.ts';
import type { ImageRecord } from '../../../src/pipeline/state/image-records.ts';

/** Texts are empty where they do not apply. */
export interface Row {
  type: string;
  /** Permissions. */
  mode: string;
  owner: string;
  size: string;
  mtime: string;
  sha256: string;
  /** A symbolic link's target; for a file with several names the first of them. */
  link: string;
  /** The value of security.capability, in hexadecimal. */
  capability: string;
}

/** Columns: path, type, mode, uid, gid, size, mtime, sha256, link or first name, capability. */
export async function readTable(file: string): Promise<Map<string, Row>> {
  const lines = gunzipSync(await readFile(file))
    .toString('utf8')
    .split('\n');
  const rows = lines.filter((line) => line !== '' && !line.startsWith('#'));
  const table = new Map(
    rows.map((line) => {
      const [path = '', type = '', mode = '', uid = '', gid = '', size = '', mtime = '', ...rest] =
        line.split('\t');
      const [sha256 = '', link = '', capability = ''] = rest;
      return [path, { type, mode, owner: `${uid}:${gid}`, size, mtime, sha256, link, capability }];
    }),
  );
  return withFirstNames(table);
}

/** Files with one content under several names: all get the first of those, whatever told them apart before. */
function withFirstNames(rows: Map<string, Row>): Map<string, Row> {
  const first = new Map<string, string>();
  const linked = [...rows].filter(([, row]) => row.type === 'f' && row.link !== '');
  for (const [path, { link }] of linked.toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    if (!first.has(link)) first.set(link, path);
  }
  for (const [, row] of linked) row.link = first.get(row.link)!;
  return rows;
}

/** The image as anyone gets it: every layer in its order, onto an empty directory. */
export async function treeOf(
  { content }: Context,
  { layers }: ImageRecord,
  root: string,
): Promise<Map<string, Row>> {
  await mkdir(root, { recursive: true });
  for (const { digest, mediaType } of layers) {
    await unpackLayer(root, createReadStream(content.path(digest as Digest)), mediaType);
  }
  const entries = (await native().scan(root)).filter(({ path }) => path !== '');
  const rows = new Map<string, Row>();
  for (const entry of entries) rows.set(`/${showBytes(entry.path)}`, await rowOf(root, entry));
  return withFirstNames(rows);
}

const types: Record<number, string> = {
  0o010000: 'p',
  0o020000: 'c',
  0o040000: 'd',
  0o060000: 'b',
  0o100000: 'f',
  0o120000: 'l',
  0o140000: 's',
};

async function rowOf(root: string, entry: ScanEntry): Promise<Row> {
  const type = types[entry.mode & 0o170000] ?? '?';
  const file = type === 'f';
  const shared = file && entry.links > 1 ? String(entry.inode) : '';
  return {
    type,
    mode: `0o${(entry.mode & 0o7777).toString(8)}`,
    owner: `${entry.uid}:${entry.gid}`,
    size: file ? String(entry.size) : '',
    mtime: file ? String(entry.mtimeSeconds) : '',
    sha256: file ? (await fileChecksum(`${root}/${showBytes(entry.path)}`, 'sha256')).value : '',
    link: entry.target === undefined ? shared : showBytes(entry.target),
    capability: entry.xattrs?.['security.capability']?.toString('hex') ?? '',
  };
}
