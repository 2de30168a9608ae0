/** What was built and what boots are one: a tree, a layer or a record that was changed since is neither booted nor built on. */
import { existsSync } from 'node:fs';
import {
  chmod,
  chown,
  link,
  lutimes,
  mkdir,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { hostArch } from '../../../src/lib/host/arch.ts';
import { run } from '../../../src/lib/host/exec.ts';
import { Desk } from '../../helpers/milliner.ts';
import { soak, today } from '../../helpers/soak.ts';
import { leftovers } from '../../helpers/traces.ts';

let desk: Desk;
let child: string;

beforeAll(async () => {
  desk = await Desk.open();
  const first = await desk.tiny('first', ['tiny-base', 'tiny-app'], {
    packages: ['tiny-app'],
    config: { entrypoint: ['/usr/bin/busybox', 'true'] },
    test: { init: false, ready: { exit: 0 }, settle: '1s' },
  });
  await desk.build(first);
  child = await desk.recipe('child', { from: 'first', files: [{ path: '/etc/child', content: 'child\n' }] });
});
afterAll(async () => {
  expect(await leftovers(desk.directory)).toEqual([]);
  await desk.remove();
});

/** The state as it was when all was built, in a copy to be changed. */
async function copyOfState(): Promise<string> {
  const state = desk.path('copy');
  await run('rm', ['-rf', state]);
  await run('cp', ['-a', desk.state, state]);
  return state;
}

/** Changes the image's files, on the disk that they lie on. */
async function changeTree(state: string, change: (root: string) => Promise<unknown>): Promise<void> {
  const snapshots = join(state, 'snapshots/overlay');
  // The image's is the first: its children have disks, too.
  const ids = (await readdir(snapshots)).filter((name) => /^\d+$/.test(name)).map(Number);
  const disks = ids.toSorted((a, b) => a - b).map((id) => join(snapshots, String(id), 'disk.ext4'));
  const disk = disks.find((path) => existsSync(path));
  if (disk === undefined) throw new Error('there is no snapshot');
  const place = desk.path('mounted');
  await mkdir(place, { recursive: true });
  await run('mount', ['-o', 'loop', disk, place]);
  try {
    await change(join(place, 'fs'));
  } finally {
    await run('umount', [place]);
  }
}

/** Other bytes, everything else as it was. */
async function flip(path: string): Promise<void> {
  const { atime, mtime } = await stat(path);
  const bytes = await readFile(path);
  bytes[bytes.length - 1]! ^= 1;
  await writeFile(path, bytes);
  await utimes(path, atime, mtime);
}

const conf = 'usr/share/tiny/ümlaut ✓';

const changes: [string, (at: (path: string) => string) => Promise<unknown>][] = [
  ['a byte of a file, its size and times as before', (at) => flip(at('usr/bin/busybox'))],
  ['a mode', (at) => chmod(at(conf), 0o4755)],
  ['an owner', (at) => chown(at(conf), 1, 1)],
  ['a time', (at) => utimes(at(conf), 1, 1)],
  ['a capability', (at) => run('setcap', ['cap_net_admin+ep', at('usr/bin/busybox')])],
  ['another file', (at) => writeFile(at('usr/bin/more'), '')],
  ['a file less', (at) => rm(at(conf))],
  [
    'a link that leads elsewhere',
    async (at) => {
      await rm(at('lib64'));
      await symlink('usr/lib', at('lib64'));
      await lutimes(at('lib64'), 0, 0);
    },
  ],
  [
    'a link in the place of a file',
    async (at) => {
      await rm(at(conf));
      await symlink('a directory/a file', at(conf));
    },
  ],
  ['another name of a file', (at) => link(at(conf), at('usr/share/tiny/again'))],
  ['a device', (at) => run('mknod', [at('dev/sda'), 'b', '8', '0'])],
];

test.each(changes)('%s: no boot, no run, no build on it', async (what, change) => {
  const state = await copyOfState();
  await changeTree(state, (root) => change((path) => join(root, path)));
  const commands = [
    ['boot', 'first'],
    ['run', 'first'],
    ['build', child],
  ];
  const turn = changes.findIndex(([name]) => name === what) + today;
  // All of them look at the tree in the same way: CI asks one about each change, another one each day.
  for (const words of soak ? commands : [commands[turn % commands.length]!]) {
    const { code, exit, details } = await desk.fails([...words, '--state', state]);
    const found = { code, exit, image: details?.['image'] };
    expect(found, words[0]).toEqual({ code: 'TREE_CHANGED', exit: 9, image: 'first' });
  }
});

type Stored = Record<string, unknown> & {
  config: Record<string, unknown>;
  test: Record<string, unknown>;
  layers: object[];
};

test.each<[string, (record: Stored) => void]>([
  [
    'config',
    (record) => {
      record.config['entrypoint'] = ['/bin/sh'];
    },
  ],
  [
    'config',
    (record) => {
      record.config['user'] = '0:0';
    },
  ],
  [
    'test',
    (record) => {
      record.test['settle'] = '0s';
    },
  ],
  [
    'layers',
    (record) => {
      record.layers.pop();
    },
  ],
  [
    'configDigest',
    (record) => {
      record['configDigest'] = `sha256:${'0'.repeat(64)}`;
    },
  ],
])("a record whose %s is not its manifest's", async (field, change) => {
  const state = await copyOfState();
  const path = join(state, `images/first@${hostArch()}.json`);
  const text = await readFile(path, 'utf8');
  const record = JSON.parse(text) as Stored;
  change(record);
  await writeFile(path, JSON.stringify(record));
  expect(await desk.fails(['boot', 'first', '--state', state])).toMatchObject({
    code: 'TREE_CHANGED',
    details: { field },
  });
});

test('a copy that nobody has changed boots, and is built on', async () => {
  const state = await copyOfState();
  expect(await desk.json(['boot', 'first', '--state', state])).toMatchObject({ passed: true });
  await desk.build(child, '--state', state);
  // It was compared with its layers in this very state, and is again once the disk has changed.
  await changeTree(state, (root) => flip(join(root, 'usr/bin/busybox')));
  expect(await desk.fails(['boot', 'first', '--state', state])).toMatchObject({ code: 'TREE_CHANGED' });
});
