/** A reader of tar streams for tests alone: ustar and pax (POSIX.1-2001, pax, "Interchange Format"). */

export interface Member {
  name: string;
  /** As its header has it. */
  type: string;
  mode: number;
  uid: number;
  gid: number;
  mtime: number;
  target: string;
  device: string;
  xattrs: Record<string, string>;
  content: Buffer;
  /** Where its content begins. */
  at: number;
}

const block = 512;

export function readTar(tar: Buffer): Member[] {
  const members: Member[] = [];
  let pax: Record<string, string> = {};
  let at = 0;
  const isEnd = () => tar.subarray(at, at + block).every((byte) => byte === 0);
  while (!isEnd()) {
    const header = tar.subarray(at, at + block);
    checkSum(header);
    const type = header.toString('latin1', 156, 157);
    const size = Number(pax['size'] ?? octal(header, 124, 12));
    at += block;
    const content = tar.subarray(at, at + size);
    if (content.length !== size) throw new Error('the tar stream breaks off');
    if (type === 'x') pax = readPax(content);
    else {
      members.push({ ...memberOf(header, pax, type), content, at });
      pax = {};
    }
    at += Math.ceil(size / block) * block;
  }
  if (tar.length !== at + 2 * block || !tar.subarray(at).every((byte) => byte === 0))
    throw new Error('the tar stream does not end as it should');
  return members;
}

function memberOf(header: Buffer, pax: Record<string, string>, type: string): Omit<Member, 'content' | 'at'> {
  if (header.toString('latin1', 257, 265) !== 'ustar\u000000') throw new Error('no ustar header');
  const isDevice = type === '3' || type === '4';
  const xattrs = Object.entries(pax).filter(([key]) => key.startsWith('SCHILY.xattr.'));
  return {
    name: pax['path'] ?? text(header, 0, 100),
    type,
    mode: octal(header, 100, 8),
    uid: Number(pax['uid'] ?? octal(header, 108, 8)),
    gid: Number(pax['gid'] ?? octal(header, 116, 8)),
    mtime: Number(pax['mtime'] ?? octal(header, 136, 12)),
    target: pax['linkpath'] ?? text(header, 157, 100),
    device: isDevice ? `${octal(header, 329, 8)}:${octal(header, 337, 8)}` : '',
    xattrs: Object.fromEntries(xattrs.toSorted(([a], [b]) => (a < b ? -1 : 1))),
  };
}

function checkSum(header: Buffer): void {
  let sum = 0;
  for (const [at, byte] of header.entries()) sum += at >= 148 && at < 156 ? 0x20 : byte;
  if (octal(header, 148, 8) !== sum) throw new Error('a header has a wrong checksum');
}

function readPax(body: Buffer): Record<string, string> {
  const found: Record<string, string> = {};
  for (let at = 0; at < body.length;) {
    const record = /^(\d+) ([^=]+)=/.exec(body.toString('latin1', at));
    const end = at + Number(record?.[1]);
    if (!record || end > body.length || body[end - 1] !== 0x0a) throw new Error('a pax record is malformed');
    found[record[2]!] = body.toString('latin1', at + record[0].length, end - 1);
    at = end;
  }
  return found;
}

function text(header: Buffer, at: number, length: number): string {
  return header.toString('latin1', at, at + length).replace(/\0.*$/s, '');
}

function octal(header: Buffer, at: number, length: number): number {
  const digits = /^([0-7]+)(?:[\0 ]|$)/.exec(header.toString('latin1', at, at + length));
  if (!digits) throw new Error('a number in a header is malformed');
  return Number.parseInt(digits[1]!, 8);
}
