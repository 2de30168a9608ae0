/** Packages with files of every kind that rpm verifies in a way of its own. */
import { fileType } from '../../../../src/lib/rpm/file-list.ts';
import { flagBits, type ComposedFile, type ComposedPackage } from '../../../helpers/rpm/compose.ts';

const epoch = 1_704_067_200;
const { config, doc, missingok, noreplace, ghost } = flagBits;
const [license, readme, artifact] = [1 << 7, 1 << 8, 1 << 12];
/** RPMVERIFY_*: digest, size and time left out, as %verify(not md5 size mtime) does. */
const withoutContent = 0xffffffff - (1 | 2 | 32);

const file = (path: string, more: Partial<ComposedFile> = {}): ComposedFile => ({
  path,
  mode: fileType.regular | 0o644,
  user: 'root',
  group: 'root',
  content: `content of ${path}\n`,
  mtime: epoch - 1000,
  flags: 0,
  capabilities: '',
  ...more,
});
const directory = (path: string, more: Partial<ComposedFile> = {}) =>
  file(path, { mode: fileType.directory | 0o755, content: '', ...more });
const link = (path: string, target: string) => file(path, { mode: fileType.link | 0o777, content: target });

const accounts = [
  file('/etc/passwd', { content: 'root:x:0:0::/:/bin/sh\nsome:x:7:8::/:/bin/sh\nlater:x:7:9::/:/bin/sh\n' }),
  file('/etc/group', { content: 'root:x:0:\nsome:x:8:\n' }),
];

const plain = [
  file('/opt/v/plain'),
  file('/opt/v/empty', { content: '' }),
  file('/opt/v/large', { content: 'x'.repeat(300_000) }),
  file('/opt/v/ünï', { content: 'ASCII' }),
  file('/opt/v/owned', { user: 'some', group: 'some', mode: fileType.regular | 0o6755 }),
  file('/opt/v/config', { flags: config }),
  file('/opt/v/noreplace', { flags: config | noreplace }),
  file('/opt/v/doc', { flags: doc }),
  file('/opt/v/doc-config', { flags: doc | config }),
  file('/opt/v/license', { flags: license }),
  file('/opt/v/readme', { flags: readme }),
  file('/opt/v/artifact', { flags: artifact }),
  file('/opt/v/missingok', { flags: missingok }),
  file('/opt/v/ghost', { flags: ghost }),
  file('/opt/v/config-ghost', { flags: config | ghost }),
  file('/opt/v/unverified', { verify: withoutContent }),
  file('/opt/v/capable', { capabilities: 'cap_net_raw=ep', mode: fileType.regular | 0o755 }),
  file('/opt/v/granted-nothing', { capabilities: '=' }),
];

/** No FIFO: rpm 4.18 waits for a writer when it installs one. */
const others = [
  directory('/opt/v'),
  directory('/opt/v/directory', { mode: fileType.directory | 0o2775, group: 'some' }),
  directory('/opt/v/ghost-directory', { flags: ghost }),
  file('/opt/v/directory/inside'),
  link('/opt/v/link', 'plain'),
  link('/opt/v/directory-link', 'directory'),
  file('/opt/v/node', { mode: fileType.character | 0o666, content: '', device: [1, 3] }),
  file('/opt/v/block', { mode: fileType.block | 0o660, content: '', device: [7, 200] }),
  ...['/opt/v/hard-1', '/opt/v/hard-2', '/opt/v/hard-3'].map((path) =>
    file(path, { content: 'one content\n', set: 1 }),
  ),
];

const shared = [
  file('/opt/v/shared', { mtime: epoch - 5000 }),
  file('/opt/v/shared-ghost', { flags: ghost }),
];
const bare = { version: '1', scriptlets: [], requires: [], obsoletes: [], epoch };

/** In the order in which they are installed. */
export const packages: ComposedPackage[] = [
  {
    ...bare,
    name: 'accounts',
    files: [...accounts, directory('/usr/lib'), link('/lib', 'usr/lib')],
  },
  { ...bare, name: 'kinds', files: [...plain, ...others, ...shared] },
  {
    ...bare,
    name: 'other',
    digests: 'md5',
    files: [
      file('/opt/v/md5'),
      // The same file as that of `kinds`, of which only one can have its time.
      file('/opt/v/shared', { mtime: epoch - 9000 }),
      // A path through a link of another package.
      file('/lib/v/aliased'),
      directory('/lib/v'),
      file('/opt/v/many', { content: 'y'.repeat(70_000) }),
    ],
  },
  {
    ...bare,
    name: 'longer',
    digests: 'sha512',
    files: [
      file('/opt/v/sha512'),
      file('/opt/v/unknown-owner', { user: 'nobody-here', mode: fileType.regular | 0o4755 }),
    ],
  },
];

/** The accounts and the place of the database stay as they are. */
const fixed = new Set(['/etc/passwd', '/etc/group', '/usr/lib']);
export const paths = packages
  .flatMap(({ files }) => files.map(({ path }) => path))
  .filter((path) => !fixed.has(path));
