/** Ways to change one attribute of one file. Each throws where the file has no such attribute. */
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  lchownSync,
  linkSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';

interface Altered {
  root: string;
  /** Absolute, in the tree. */
  path: string;
  /** Absolute, of the host. */
  place: string;
}
type Alter = (altered: Altered) => void;

/** Reading a FIFO would wait without end. */
function requireFile(place: string): void {
  if (!lstatSync(place).isFile()) throw new TypeError(`${place} is not a regular file`);
}

/** Content that is written in place, at the time that the file had. */
function rewrite({ place }: Altered, change: (bytes: Buffer) => Buffer): void {
  requireFile(place);
  const { mtime, atime } = lstatSync(place);
  writeFileSync(place, change(readFileSync(place)));
  lutimesSync(place, atime, mtime);
}

const flipped = (bytes: Buffer) => {
  const changed = Buffer.from(bytes);
  if (changed.length > 0) changed[changed.length - 1]! ^= 1;
  return changed;
};

const again = ({ place }: Altered, make: () => void) => {
  rmSync(place, { recursive: true });
  make();
};

/** mknod(1): Node has no such call. */
const node = (altered: Altered, ...args: string[]) =>
  again(altered, () => execFileSync('mknod', [altered.place, ...args]));
const setAttribute = ({ place }: Altered, program: string, ...args: string[]) =>
  execFileSync(program, [...args, place], { stdio: 'ignore' });
/** 20 bytes of vfs_cap_data: revision 2 with the effective bit, and one of the first 32 capabilities. */
const setCapability = (one: Altered, number: number) => {
  const value = Buffer.alloc(20);
  value.writeUInt32LE(0x02000001, 0);
  value.writeUInt32LE(1 << number, 4);
  setAttribute(one, 'setfattr', '-n', 'security.capability', '-v', `0x${value.toString('hex')}`);
};

const shape: Record<string, Alter> = {
  missing: ({ place }) => rmSync(place, { recursive: true }),
  'a file': (one) => again(one, () => writeFileSync(one.place, 'plain\n')),
  'an empty file': (one) => again(one, () => writeFileSync(one.place, '')),
  'a directory': (one) => again(one, () => mkdirSync(one.place)),
  'a dangling link': (one) => again(one, () => symlinkSync('nowhere', one.place)),
  'a link to itself': (one) => again(one, () => symlinkSync(one.place.split('/').at(-1)!, one.place)),
  'a link to a directory': (one) => again(one, () => symlinkSync('/usr/lib', one.place)),
  "another's link to a directory": (one) =>
    again(one, () => {
      symlinkSync('/usr/lib', one.place);
      lchownSync(one.place, 7, 8);
    }),
  'a link to what it was': (one) => {
    renameSync(one.place, `${one.place}.moved`);
    symlinkSync(`${one.path}.moved`, one.place);
  },
  'a FIFO': (one) => node(one, 'p'),
  'another node': (one) => node(one, 'c', '1', '5'),
  'a node with a large number': (one) => node(one, 'c', '257', '3'),
  'a block device': (one) => node(one, 'b', '1', '3'),
  'a name of another file': (one) => again(one, () => linkSync(join(one.root, 'etc/group'), one.place)),
  'a file where its directory was': ({ path, place }) => {
    if (dirname(path) === '/') throw new TypeError(`${path} is at the top`);
    rmSync(dirname(place), { recursive: true });
    writeFileSync(dirname(place), '');
  },
};

const attribute: Record<string, Alter> = {
  'content of the same size and time': (one) => rewrite(one, flipped),
  'one byte more': (one) => rewrite(one, (bytes) => Buffer.concat([bytes, Buffer.from('x')])),
  'cut off': ({ place }) => {
    requireFile(place);
    truncateSync(place, 1);
  },
  mode: ({ place }) => chmodSync(place, 0o711),
  'set-user-ID': ({ place }) => chmodSync(place, 0o4711),
  owner: ({ place }) => lchownSync(place, 7, lstatSync(place).gid),
  'unknown owner': ({ place }) => lchownSync(place, 4711, 4711),
  group: ({ place }) => lchownSync(place, lstatSync(place).uid, 8),
  time: ({ place }) => lutimesSync(place, 1_000_000_000, 1_000_000_000),
  'time before 1970': ({ place }) => lutimesSync(place, -5, -5),
  nanoseconds: ({ place }) => lutimesSync(place, 0, lstatSync(place).mtimeMs / 1000 + 0.5),
  capability: (one) => setCapability(one, 12),
  // cap_net_raw, which the header may grant.
  'another capability': (one) => setCapability(one, 13),
  'no capability': (one) => setAttribute(one, 'setfattr', '-x', 'security.capability'),
  // Access lists themselves are for the unit test: Debian's rpm is built without them.
  'default access list': (one) => setAttribute(one, 'setfacl', '-d', '-m', 'u:7:rwx'),
  'another attribute': (one) => setAttribute(one, 'setfattr', '-n', 'user.some', '-v', 'thing'),
};

export const alterations: Record<string, Alter> = { ...attribute, ...shape };
