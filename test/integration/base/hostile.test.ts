/** Bases that mean harm, served by a registry as any other: locking on one is refused, and leaves nothing anywhere. */
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { manifestType } from '../../../src/lib/oci/descriptor.ts';
import { sha256Of } from '../../../src/lib/oci/digest.ts';
import { RegistryClient } from '../../../src/lib/registry/client.ts';
import { useOneProcess } from '../../helpers/command-client.ts';
import { harmful, tarOf, type Part } from '../../helpers/hostile-layers.ts';
import { Desk } from '../../helpers/milliner.ts';
import { plainEndpoint } from '../../helpers/registry/plain-endpoint.ts';
import { RegistryServer } from '../../helpers/registry/registry-server.ts';

useOneProcess();

let server: RegistryServer;
let client: RegistryClient;
let desk: Desk;
let outside: string;

beforeAll(async () => {
  server = await RegistryServer.start();
  client = new RegistryClient({ registry: server.host, endpoint: plainEndpoint(server.host) });
  desk = await Desk.open();
  outside = desk.path('outside');
  await mkdir(outside, { mode: 0o700 });
  await writeFile(`${outside}/file`, 'outside');
});
afterAll(async () => {
  await server.close();
  await desk.remove();
});

const repository = 'hostile/base';
const layerType = 'application/vnd.oci.image.layer.v1.tar+gzip';
const architecture = process.arch === 'arm64' ? 'arm64' : 'amd64';

interface Forged {
  /** In place of what is true. */
  diffIDs?: string[];
  config?: object;
  manifest?: object;
  layerType?: string;
}

const put = async (bytes: Buffer) => {
  const digest = sha256Of(bytes);
  await client.pushBlob(repository, { digest, size: bytes.length, content: { bytes } });
  return { digest, size: bytes.length };
};

/** An image of these compressed layers, lowest first, under the one name that all of them have in turn. */
async function push(
  blobs: readonly Buffer[],
  diffIDs: readonly string[],
  forged: Forged = {},
): Promise<void> {
  const layers = await Promise.all(blobs.map(put));
  const rootfs = { type: 'layers', diff_ids: forged.diffIDs ?? diffIDs };
  const config = await put(
    Buffer.from(JSON.stringify({ architecture, os: 'linux', rootfs, ...forged.config })),
  );
  const manifest = {
    schemaVersion: 2,
    mediaType: manifestType,
    config: { mediaType: 'application/vnd.oci.image.config.v1+json', ...config },
    layers: layers.map((blob) => ({ mediaType: forged.layerType ?? layerType, ...blob })),
    ...forged.manifest,
  };
  await client.putManifest(repository, '1', Buffer.from(JSON.stringify(manifest)), manifestType);
}

const pushTars = (tars: readonly Buffer[], forged?: Forged) =>
  push(
    tars.map((tar) => gzipSync(tar)),
    tars.map((tar) => sha256Of(tar)),
    forged,
  );

/** What the list of hostile layers is about. */
const below = (): Part[] => [
  { path: 'there', type: 'directory', mode: 0o755 },
  { path: 'there/file', content: 'below' },
  { path: 'out', type: 'symlink', link: outside },
];

beforeEach(async () => {
  for (const path of [desk.state, desk.path('recipes')]) await rm(path, { recursive: true, force: true });
  await mkdir(desk.path('recipes'));
});

async function expectRefused(code: string, exit: number): Promise<void> {
  const image = `${server.host}/${repository}:1`;
  const recipe = await desk.recipe('victim', { from: { image, unsigned: true }, packages: [] });
  expect(await desk.fails(['lock', recipe])).toMatchObject({ code, exit });
  expect(existsSync(recipe.replace('.yaml', '.lock.json'))).toBe(false);
  expect(await readdir(outside)).toEqual(['file']);
  expect(await readFile(`${outside}/file`, 'utf8')).toBe('outside');
  expect((await stat(outside)).mode & 0o777).toBe(0o700);
  expect(await readdir(desk.path('state', 'work')).catch(() => [])).toEqual([]);
  expect(await readdir(desk.path('state', 'bases'))).toEqual([]);
}

const sample = [
  'a path that leads upward',
  'a path through a link that is there',
  'a hard link outward',
  'a whiteout of the root',
  'a disk',
  'the same without a whiteout',
];
const cases = process.env['MILLINER_SOAK'] ? harmful : harmful.filter(([name]) => sample.includes(name));

test.each(cases)('%s', async (_name, parts) => {
  await pushTars([tarOf(below()), tarOf(parts)]);
  await expectRefused('LAYER_INVALID', 9);
});

test('a bomb: a thousandth of what it unpacks to', async () => {
  const file = gzipSync(tarOf([{ path: 'zeros', content: '\0'.repeat(16 << 20) }]));
  const more = gzipSync(Buffer.alloc(64 << 20));
  // Members laid end to end are one stream.
  await push([Buffer.concat([file, ...Array.from({ length: 20 }, () => more)])], [sha256Of(file)]);
  await expectRefused('LAYER_INVALID', 9);
});

const plain = tarOf([{ path: 'file', content: 'x' }]);
const zero = `sha256:${'0'.repeat(64)}`;
const forgeries: [string, Forged, string, number][] = [
  ['another content than the configuration says', { diffIDs: [zero] }, 'LAYER_INVALID', 9],
  ['a layer too many in the configuration', { diffIDs: [sha256Of(plain), zero] }, 'BASE_INVALID', 3],
  ['another architecture', { config: { architecture: 's390x' } }, 'BASE_INVALID', 3],
  ['another system', { config: { os: 'windows' } }, 'BASE_INVALID', 3],
  ['labels that are no words', { config: { config: { Labels: { a: 1 } } } }, 'BASE_INVALID', 3],
  ['a layer of no known kind', { layerType: 'application/x-tar' }, 'BASE_INVALID', 3],
  ['no layers', { manifest: { layers: [] } }, 'BASE_INVALID', 3],
];

test.each(forgeries)('%s', async (_name, forged, code, exit) => {
  await pushTars([plain], forged);
  await expectRefused(code, exit);
});

const database = 'usr/lib/sysimage/rpm/rpmdb.sqlite';
const databases: [string, Part, string, number][] = [
  ['no database', { path: database, content: 'rubbish' }, 'RPMDB_INVALID', 7],
  ['a link to one of the host', { path: database, type: 'symlink', link: '/etc/passwd' }, 'RPMDB_INVALID', 7],
  ['a pipe', { path: database, type: 'fifo' }, 'RPMDB_INVALID', 7],
  ["Berkeley DB's", { path: 'var/lib/rpm/Packages', content: 'x' }, 'RPMDB_UNSUPPORTED', 3],
  ["ndb's", { path: 'usr/lib/sysimage/rpm/Packages.db', content: 'x' }, 'RPMDB_UNSUPPORTED', 3],
];

test.each(databases)('in the place of the rpm database: %s', async (_name, part, code, exit) => {
  await pushTars([tarOf([part])]);
  await expectRefused(code, exit);
});
