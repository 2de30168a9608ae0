/** Files where a build writes, reads or mounts something itself. */
import { fileType } from '../../../src/lib/rpm/file-list.ts';
import type { Mutation } from './draft.ts';
import { added, behind, escaped, outside, up } from './outside.ts';

const database = '/usr/lib/sysimage/rpm';
export const placeMutations: Mutation[] = [
  ['a file in /dev', 'built', added('/dev/extra')],
  ['a file that is /dev/null', 'built', added('/dev/null')],
  ['/dev is a file', 'INSTALL_FAILED', added('/dev')],
  ['/dev is a link', 'INSTALL_FAILED', behind('/dev', 'opt/m')],
  ['/dev is a link that leads out', 'INSTALL_FAILED', behind('/dev', outside)],
  ['/proc is a link that leads out', 'INSTALL_FAILED', behind('/proc', outside)],
  ['/proc is a file', 'INSTALL_FAILED', added('/proc')],
  ['a file in /proc', 'INSTALL_FAILED', added('/proc/extra')],
  ['/tmp is a link that leads out', 'INSTALL_FAILED', behind('/tmp', outside, `/tmp/${escaped}`)],
  [
    'files in /tmp and caches',
    'built',
    added('/tmp/x', '/var/tmp/x', '/var/cache/x', '/var/log/x', '/run/x'),
  ],
  ['/var/log is a link', 'INSTALL_FAILED', behind('/var/log', '/opt/m', '/var/log/x')],
  [
    '/var/cache is a link that leads out',
    'INSTALL_FAILED',
    behind('/var/cache', outside, `/var/cache/${escaped}`),
  ],
  ['/var is a link that leads out', 'INSTALL_FAILED', behind('/var', outside, '/var/cache/x')],
  ['/etc is a link that leads out', 'built', behind('/etc', outside)],
  ['/etc is a link up', 'INSTALL_FAILED', behind('/etc', `${up}etc`)],
  ['/etc/passwd is a link that leads out', 'built', behind('/etc/passwd', `${outside}/passwd`)],
  ['/etc/passwd is a directory', 'INSTALL_FAILED', (d) => d.addDirectory('/etc/passwd')],
  ['/etc/passwd is a fifo', 'INSTALL_FAILED', (d) => d.add('/etc/passwd', { mode: fileType.fifo | 0o644 })],
  [
    '/etc/passwd makes root another',
    'built',
    (d) => d.add('/etc/passwd', { content: 'root:x:4711:4711::/:\n' }),
  ],
  ['/etc/shadow is a link that leads out', 'built', behind('/etc/shadow', `${up}${outside}/passwd`)],
  ['/etc/shadow is a directory', 'built', (d) => d.addDirectory('/etc/shadow')],
  ['/etc/machine-id is a link that leads out', 'built', behind('/etc/machine-id', `${outside}/passwd`)],
  ['/etc/machine-id is a directory', 'built', (d) => d.addDirectory('/etc/machine-id')],
  [
    'a machine-id that is packaged',
    'built',
    (d) => d.add('/etc/machine-id', { content: `${'0'.repeat(32)}\n` }),
  ],
  ['an rpm database that is packaged', 'INSTALL_FAILED', added(`${database}/rpmdb.sqlite`)],
  ['the rpm database is a directory', 'RPMDB_INVALID', (d) => d.addDirectory(`${database}/rpmdb.sqlite`)],
  [
    'the rpm database is a link that leads out',
    'RPMDB_INVALID',
    behind(`${database}/rpmdb.sqlite`, `${outside}/${escaped}`),
  ],
  ["the rpm database's place is a link", 'INSTALL_FAILED', behind(database, '../../../opt/m')],
  ["the rpm database's place is a link that leads out", 'INSTALL_FAILED', behind(database, outside)],
  ["the rpm database's journal is packaged", 'built', added(`${database}/rpmdb.sqlite-wal`)],
  ['a view in the rpm database', 'built', added(`${database}/.rpm.lock`)],
  ['/usr is a link', 'INSTALL_FAILED', behind('/usr', 'opt/m')],
  [
    'a key that is packaged',
    'built',
    (d) =>
      d.add('/etc/ssl/key.pem', { content: '-----BEGIN PRIVATE KEY-----\nMIG\n-----END PRIVATE KEY-----\n' }),
  ],
];
