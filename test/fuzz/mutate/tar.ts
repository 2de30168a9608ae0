/** Damage to tar archives. Checksums are mended, so that what is wrong is seen behind them. */
import { faults, pick, type Random } from '../../helpers/random.ts';
import { damage } from './bytes.ts';

const blockSize = 512;

/** A header block with the blocks of its content. */
type Member = Buffer;

/** Name, offset, length. */
const fields = [
  ['name', 0, 100],
  ['mode', 100, 8],
  ['uid', 108, 8],
  ['gid', 116, 8],
  ['size', 124, 12],
  ['mtime', 136, 12],
  ['flag', 156, 1],
  ['link', 157, 100],
  ['magic', 257, 8],
  ['major', 329, 8],
  ['minor', 337, 8],
  ['prefix', 345, 155],
] as const;

const paths = [
  '',
  '.',
  '..',
  '/',
  './',
  '../outside/x',
  '/tmp/outside',
  'd/../../outside/x',
  'up/x',
  'up/../x',
  'd/link/x',
  'd//f',
  'd/f/x',
  '.wh.',
  '.wh..',
  '.wh...',
  '.wh..wh..opq',
  'd/.wh.f',
  'd/.wh..wh..opq',
  '.wh.d',
  'up/.wh.kept',
  'up/.wh..wh..opq',
  'x'.repeat(300),
  'x/'.repeat(3000),
  'bad\u00ff',
  'nul\0x',
];
const numbers = [
  '',
  '0',
  '7777777',
  '77777777777',
  '99999999',
  '-1',
  '0x10',
  ' 1 2',
  '\x80\0\0\0\0\0\0\0\0\0\0\x01',
  '\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff',
  '\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff',
  '\xbf\xff\xff\xff\xff\xff\xff\xff',
];
const flags = '01234567xgLKSVDNMA\0\xff '.split('');

export function mutateTar(archive: Buffer, random: Random): Buffer {
  const members = faults(random, 4, membersOf(archive), (list) => {
    const at = random(list.length);
    const kind = random(12);
    if (kind < 5) return list.with(at, mutateField(list[at]!, random));
    if (kind === 5) return list.toSpliced(at, 1);
    if (kind === 6) return list.toSpliced(random(list.length), 0, list[at]!);
    if (kind === 7) return list.toSpliced(at, 0, extended('x', records(random)));
    if (kind === 8) return list.toSpliced(at, 0, extended('g', records(random)));
    if (kind === 9) return list.toSpliced(at, 0, extended(pick(random, ['L', 'K']), pick(random, paths)));
    if (kind === 10) return list.toSpliced(at, 0, Buffer.alloc(blockSize * (1 + random(3))));
    return list.with(at, damage(list[at]!, random, random(2) === 0 ? 0 : blockSize));
  });
  const bytes = Buffer.concat(members);
  const end = random(10);
  if (end === 0) return bytes.subarray(0, random(bytes.length));
  if (end === 1) return bytes;
  if (end === 2) return Buffer.concat([bytes, Buffer.alloc(blockSize)]);
  return Buffer.concat([bytes, Buffer.alloc(2 * blockSize)]);
}

function membersOf(archive: Buffer): Member[] {
  const members: Member[] = [];
  for (let at = 0; at < archive.length && archive[at] !== 0;) {
    const size = Number.parseInt(archive.toString('latin1', at + 124, at + 135).replaceAll('\0', ''), 8) || 0;
    const end = at + blockSize + Math.ceil(size / blockSize) * blockSize;
    members.push(archive.subarray(at, end));
    at = end;
  }
  return members;
}

function mutateField(member: Member, random: Random): Member {
  const copy = Buffer.from(member);
  if (copy.length < blockSize) return copy;
  const [name, offset, length] = pick(random, fields);
  const isText = name === 'name' || name === 'link' || name === 'prefix';
  const values = isText
    ? paths
    : name === 'flag'
      ? flags
      : name === 'magic'
        ? ['ustar  \0', '', 'x']
        : numbers;
  copy.fill(0, offset, offset + length);
  copy.write(pick(random, values).slice(0, length), offset, 'latin1');
  return random(8) === 0 ? copy : mended(copy);
}

/** POSIX.1-2001, "ustar Interchange Format": the sum of all bytes, those of the sum itself as spaces. */
function mended(member: Member): Member {
  member.fill(' ', 148, 156);
  const sum = member.subarray(0, blockSize).reduce((total, byte) => total + byte, 0);
  member.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return member;
}

/** A header that speaks of the next one. */
function extended(flag: string, body: string, size = Buffer.byteLength(body, 'latin1')): Member {
  const header = Buffer.alloc(blockSize);
  header.write('././@LongLink', 0);
  header.write(`0000644\0${'0000000\0'.repeat(2)}${size.toString(8).padStart(11, '0')}\0`, 100);
  header.write('00000000000\0', 136);
  header.write(flag, 156);
  header.write('ustar\x0000', 257);
  const content = Buffer.from(body, 'latin1');
  const padded = Buffer.concat([content, Buffer.alloc(-content.length & (blockSize - 1))]);
  return Buffer.concat([mended(header), padded]);
}

const keys = [
  'path',
  'linkpath',
  'size',
  'uid',
  'gid',
  'mtime',
  'SCHILY.xattr.user.x',
  'SCHILY.xattr.',
  'SCHILY.xattr.security.capability',
  'SCHILY.xattr.trusted.overlay.opaque',
  'SCHILY.xattr.__proto__',
  'SCHILY.xattr.user.\u00ff',
  'LIBARCHIVE.xattr.user.x',
  'GNU.sparse.major',
  'GNU.sparse.map',
  'hdrcharset',
  '__proto__',
  '',
];

/** Records of pax headers; some say another length than they have. */
function records(random: Random): string {
  return Array.from({ length: 1 + random(3) }, () => {
    const value = pick(random, [...paths, ...numbers, '9'.repeat(30), 'v'.repeat(70_000), '1e9', 'NaN']);
    return record(pick(random, keys), value, random(6) === 0 ? pick(random, [-1, 1, 1e6, NaN]) : 0);
  }).join('');
}

function record(key: string, value: string, lie: number): string {
  const rest = ` ${key}=${value}\n`;
  let length = rest.length;
  while (String(length).length + rest.length !== length) length = String(length).length + rest.length;
  return `${length + lie}${rest}`;
}
