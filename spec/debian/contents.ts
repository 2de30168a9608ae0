/** What a .deb installs: paths, types, modes and owners as its own tar says, never as the host resolves them. */
import { run } from '../../src/lib/host/exec.ts';
import type { Deb } from './archive.ts';

export interface Entry {
  /** Absolute. */
  path: string;
  type: 'file' | 'directory' | 'link';
  /** Four octal digits. */
  mode: string;
  owner: string;
  group: string;
}

const line = /^([-dhl])([-rwxsStT]{9}) ([^/\s]+)\/(\S+) +\d+ [\d-]+ [\d:]+ \.?(\/.*)$/;

export async function readContents(deb: Deb): Promise<Entry[]> {
  const { stdout } = await run('dpkg-deb', ['--contents', deb.path]);
  return stdout
    .split('\n')
    .filter(Boolean)
    .map((text) => parseLine(text, deb.path));
}

function parseLine(text: string, deb: string): Entry {
  const match = line.exec(text);
  if (!match) throw new Error(`${deb}: cannot read the listing's line: ${text}`);
  const [, kind = '', permissions = '', owner = '', group = '', rest = ''] = match;
  const type = kind === 'd' ? 'directory' : kind === 'l' ? 'link' : 'file';
  return { path: pathOf(kind, rest), type, mode: octal(permissions), owner, group };
}

function pathOf(kind: string, rest: string): string {
  const end = kind === 'l' ? rest.indexOf(' -> ') : kind === 'h' ? rest.indexOf(' link to ') : rest.length;
  const path = unescape(rest.slice(0, end));
  return path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path;
}

/** tar writes bytes that are not printable as a backslash and three octal digits. */
function unescape(text: string): string {
  const bytes = Buffer.from(text, 'utf8')
    .toString('latin1')
    .replaceAll(/\\(?:([0-7]{3})|(.))/g, (_, digits: string | undefined, char: string) =>
      digits ? String.fromCharCode(parseInt(digits, 8)) : char,
    );
  return Buffer.from(bytes, 'latin1').toString('utf8');
}

function octal(permissions: string): string {
  let mode = 0;
  for (const [index, char] of permissions.split('').entries()) {
    if (!'-ST'.includes(char)) mode |= 0o400 >> index;
    if (index === 2 && 'sS'.includes(char)) mode |= 0o4000;
    if (index === 5 && 'sS'.includes(char)) mode |= 0o2000;
    if (index === 8 && 'tT'.includes(char)) mode |= 0o1000;
  }
  return mode.toString(8).padStart(4, '0');
}
