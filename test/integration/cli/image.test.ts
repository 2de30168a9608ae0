/** What a build gives: the layout, the layer, the record; for a base and for an image on it. */
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { run } from '../../../src/lib/host/exec.ts';
import { useOneProcess } from '../../helpers/command-client.ts';
import { Desk, type BuildAnswer } from '../../helpers/milliner.ts';
import { layersOf, listTars } from '../../helpers/oci-layout.ts';
import { tinyPackages } from '../../helpers/tiny/tiny.ts';
import { leftovers } from '../../helpers/traces.ts';

useOneProcess();

let desk: Desk;
let base: BuildAnswer;
let child: BuildAnswer;
const output = () => desk.path('oci');

beforeAll(async () => {
  desk = await Desk.open();
  const baseurl = await desk.repository('packages', ['tiny-base', 'tiny-app', 'tiny-extra']);
  const repos = [{ name: 'tiny', baseurl, keys: [(await tinyPackages()).key] }];
  const first = await desk.recipe('first', {
    repos,
    packages: ['tiny-app'],
    files: [{ path: '/etc/tiny.d/own.conf', content: 'own\n', mode: '0640', owner: 'root:tiny' }],
    config: { cmd: ['/usr/bin/tiny'], env: { A: 'b' } },
    layers: { compression: 'gzip' },
  });
  const second = await desk.recipe('second', { from: 'first', repos, packages: ['tiny-extra'] });
  base = await desk.build(first, '--output', output());
  child = await desk.build(second, '--output', output());
});
afterAll(async () => {
  expect(await leftovers(desk.directory)).toEqual([]);
  await desk.remove();
});

/** tar's own listing: mode, owner, size, path. */
async function listed(tag: string, bases = 0): Promise<Map<string, string>> {
  const tars = await layersOf(output(), tag, bases);
  const lines = listTars(tars, '--verbose', '--numeric-owner').split('\n').filter(Boolean);
  return new Map(
    lines.map((line) => {
      const [, kind, path] = /^(\S+ \S+) +\d+ \S+ \S+ (.*?)\/?$/.exec(line)!;
      return [path!, kind!] as const;
    }),
  );
}

test('the layers have what the packages have: links, modes, owners, names', async () => {
  const paths = await listed('first');
  expect(paths.get('usr/bin/tiny-setuid')).toBe('-rwsr-xr-x 0/0');
  expect(paths.get('var/lib/tiny')).toBe('drwx------ 77/77');
  expect(paths.get('etc/tiny.d/own.conf')).toBe('-rw-r----- 0/77');
  expect(paths.get('usr/share/tiny/ümlaut ✓')).toBe('-rw-r--r-- 0/0');
  expect(paths.get('usr/share/tiny/a directory/a file')).toBe('-rw-r--r-- 0/0');
  expect(paths.get('lib64 -> usr/lib64')).toBe('lrwxrwxrwx 0/0');
  expect(paths.get('tmp')).toBe('drwxrwxrwt 0/0');
  expect(paths.has('etc/packaged.pem')).toBe(true);
  expect(paths.has('var/lib/tiny/ghost')).toBe(false);
  const links = [...paths].filter(([path, kind]) => kind.startsWith('h') && path.includes('usr/share/tiny/'));
  expect(links).toHaveLength(2);
  const tars = Buffer.concat(await layersOf(output(), 'first'));
  expect(tars.includes('SCHILY.xattr.security.capability')).toBe(true);
});

test('an image on another adds its own layers, which hold no more than what it changes', async () => {
  expect(child.layers.slice(0, base.layers.length)).toEqual(base.layers);
  expect(child.layers).toHaveLength(base.layers.length + 2);
  const paths = await listed('second', base.layers.length);
  expect(paths.has('usr/share/tiny/extra')).toBe(true);
  expect(paths.has('usr/bin/busybox')).toBe(false);
  expect([...paths.keys()].filter((path) => path.startsWith('etc/'))).toEqual([]);
});

test('the same recipe again is unchanged, and from nothing it is the same', async () => {
  const recipe = join(desk.recipes, 'second.yaml');
  const again = await desk.run(['build', recipe]);
  expect(again).toMatchObject({ code: 0, stdout: `${child.manifestDigest}\n` });
  expect(again.stderr).toBe('first: unchanged\nsecond: unchanged\n');
  const { seconds: _, ...same } = child;
  expect(await desk.build(recipe, '--state', desk.path('elsewhere'))).toMatchObject(same);
});

test('inspect tells by name and by digest; other clients read the layout', async () => {
  const byName = await desk.json<BuildAnswer>(['inspect', 'second']);
  expect(await desk.json(['inspect', child.manifestDigest])).toEqual(byName);
  expect(await desk.json(['inspect', child.manifestDigest.slice(7, 19)])).toEqual(byName);
  const { stdout } = await run('skopeo', ['inspect', '--config', `oci:${output()}:second`]);
  expect(JSON.parse(stdout)).toMatchObject({
    config: { Cmd: ['/usr/bin/tiny'], Env: expect.arrayContaining(['A=b']) as string[] },
  });
  for (const name of await readdir(join(output(), 'blobs/sha256'))) {
    const sha256 = (await run('sha256sum', [join(output(), 'blobs/sha256', name)])).stdout.slice(0, 64);
    expect(sha256).toBe(name);
  }
  expect(await readFile(join(output(), 'oci-layout'), 'utf8')).toContain('1.0.0');
});

test('an image that only configures another has a layer of just that', async () => {
  const files = [{ path: '/etc/issue', content: 'hello\n' }];
  const answer = await desk.build(await desk.recipe('third', { from: 'first', files }), '--output', output());
  expect(answer.layers).toHaveLength(base.layers.length + 1);
  const paths = await listed('third', base.layers.length);
  expect(paths.get('etc/issue')).toBe('-rw-r--r-- 0/0');
  expect(paths.has('usr/bin/busybox')).toBe(false);
});

test('the order of the environment and of template values is part of what an image is made from', async () => {
  const packages = ['tiny-base'];
  const baseurl = await desk.repository('order', packages);
  const repos = [{ name: 'tiny', baseurl, keys: [(await tinyPackages()).key] }];
  const content = '{{#each values}}{{@key}}{{/each}}';
  const build = async (values: object, env: object) => {
    const recipe = await desk.recipe('order', {
      repos,
      packages,
      values: { values },
      config: { env },
      files,
    });
    return (await desk.build(recipe)).manifestDigest;
  };
  await mkdir(join(desk.recipes, 'templates'), { recursive: true });
  await writeFile(join(desk.recipes, 'templates', 'order.hbs'), content);
  const files = [{ path: '/etc/order', template: 'order.hbs' }];
  const first = await build({ a: 1, b: 2 }, { A: '1', B: '2' });
  expect(await build({ b: 2, a: 1 }, { A: '1', B: '2' })).not.toBe(first);
  expect(await build({ a: 1, b: 2 }, { B: '2', A: '1' })).not.toBe(first);
  expect(await build({ a: 1, b: 2 }, { A: '1', B: '2' })).toBe(first);
});

test('a layer that the disk has changed does not leave the store; it is made anew', async () => {
  const other = await Desk.open();
  try {
    const recipe = await other.tiny('corrupt', ['tiny-base']);
    const { manifestDigest, layers } = await other.build(recipe);
    const blob = join(other.state, 'blobs/sha256', layers[0]!.digest.slice('sha256:'.length));
    const bytes = await readFile(blob);
    bytes.writeUInt8(bytes.readUInt8(1000) ^ 1, 1000);
    await writeFile(blob, bytes);
    const exported = ['build', recipe, '--output', other.path('oci')];
    expect(await other.fails(exported)).toMatchObject({ code: 'BLOB_CORRUPT', exit: 9 });
    expect(await other.build(recipe, '--output', other.path('oci'))).toMatchObject({ manifestDigest });
  } finally {
    await other.remove();
  }
});
