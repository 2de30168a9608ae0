import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { silent } from '../../../src/lib/host/progress.ts';
import type { MetadataRepository } from '../../../src/stages/repo/metadata.ts';
import { openRepository, type RepositoryDefinition } from '../../../src/stages/repo/repository.ts';

const options = { arch: 'x86_64', release: '43', progress: silent };
const primary = gzipSync('<metadata/>');
const filelists = gzipSync('<filelists/>');
const sha256 = (bytes: Uint8Array | string) => createHash('sha256').update(bytes).digest('hex');
const data = (
  type: string,
  bytes: Uint8Array,
) => `<data type="${type}"><checksum type="sha256">${sha256(bytes)}
  </checksum><location href="repodata/${type}.xml.gz"/><size>${bytes.length}</size></data>`;
const repomd = `<repomd>${data('primary', primary)}${data('filelists', filelists)}</repomd>`;

let directory: string;
let cache: string;
const servers: Server[] = [];
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'repository-'));
  cache = join(directory, 'cache');
});
afterEach(async () => {
  for (const server of servers.splice(0)) server.closeAllConnections();
  await rm(directory, { recursive: true });
});

function define(rest: Partial<RepositoryDefinition>): RepositoryDefinition {
  return { name: 'r', keys: [], exclude: [], gpgcheck: false, ...rest };
}

async function open(rest: Partial<RepositoryDefinition>): Promise<MetadataRepository> {
  const opened = await openRepository(define(rest), cache, options);
  if (opened.kind !== 'repomd') throw new Error('it has no metadata');
  return opened;
}

/** Serves the given paths and keeps a list of what was asked for. */
async function serve(files: Record<string, string | Uint8Array>): Promise<{ url: string; asked: string[] }> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    const path = request.url ?? '';
    asked.push(path);
    if (files[path] === undefined) response.statusCode = 404;
    response.end(files[path]);
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
}

const tree = {
  '/43/repodata/repomd.xml': repomd,
  '/43/repodata/primary.xml.gz': primary,
  '/43/repodata/filelists.xml.gz': filelists,
};

test('over HTTP: verified, kept, file lists only when asked for', async () => {
  const { url, asked } = await serve(tree);
  const first = await open({ baseurl: `${url}/$releasever` });
  expect((await readFile(first.primary)).equals(primary)).toBe(true);
  expect(asked).toEqual(['/43/repodata/repomd.xml', '/43/repodata/primary.xml.gz']);
  const [once, twice] = await Promise.all([first.filelists(), first.filelists()]);
  expect(once).toBe(twice);
  expect(await first.comps()).toBeUndefined();
  expect(await first.updateinfo()).toBeUndefined();
  await open({ baseurl: `${url}/43` });
  expect(asked.slice(2)).toEqual(['/43/repodata/filelists.xml.gz', '/43/repodata/repomd.xml']);
  expect(first.packageUrls('a/b.rpm', '')).toEqual([`${url}/43/a/b.rpm`]);
});

test('a damaged copy in the cache is fetched anew', async () => {
  const { url } = await serve(tree);
  const first = await open({ baseurl: `${url}/43` });
  await truncate(first.primary, 3);
  const again = await open({ baseurl: `${url}/43` });
  expect((await readFile(again.primary)).equals(primary)).toBe(true);
});

test('several at once share a cache', async () => {
  const { url } = await serve(tree);
  await Promise.all(Array.from({ length: 5 }, () => open({ baseurl: `${url}/43` })));
  const names = (await readdir(cache)).filter((name) => !name.startsWith('document-'));
  expect(names).toEqual([`primary-sha256-${sha256(primary)}.xml.gz`]);
});

test('metadata that repomd.xml does not describe', async () => {
  const { url } = await serve({ ...tree, '/43/repodata/primary.xml.gz': gzipSync('<other/>') });
  await expect(open({ baseurl: `${url}/43` })).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' });
  const none = await serve({});
  await expect(open({ baseurl: none.url })).rejects.toMatchObject({ code: 'REPO_UNAVAILABLE' });
});

function metalink(checksum: string, urls: string[]): string {
  const resources = urls.map((url, i) => `<url preference="${100 - i}">${url}/43/repodata/repomd.xml</url>`);
  return `<metalink xmlns="http://www.metalinker.org/" xmlns:mm0="http://m"><files><file name="repomd.xml">
    <size>${repomd.length}</size><verification><hash type="md5">${'0'.repeat(32)}</hash>
    <hash type="sha256">${checksum}</hash></verification>
    <resources><url preference="100">rsync://x/repodata/repomd.xml</url>${resources.join('')}</resources>
    </file></files></metalink>`;
}

test('metalink: mirrors in order, those with another repomd.xml passed over', async () => {
  const stale = await serve({ ...tree, '/43/repodata/repomd.xml': repomd.replace('<repomd>', '<repomd >') });
  const good = await serve(tree);
  const urls = [stale.url, good.url];
  const list = await serve({ '/good': metalink(sha256(repomd), urls), '/bad': metalink(sha256('x'), urls) });
  const opened = await open({ metalink: `${list.url}/good` });
  expect(stale.asked).toEqual(['/43/repodata/repomd.xml']);
  expect(opened.packageUrls('p.rpm', '')).toEqual([`${good.url}/43/p.rpm`, `${stale.url}/43/p.rpm`]);
  await expect(open({ metalink: `${list.url}/bad` })).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' });
});

test('mirror list', async () => {
  const good = await serve(tree);
  const list = await serve({ '/list': `# comment\n\n${good.url}/none\n${good.url}/$releasever\n` });
  const opened = await open({ mirrorlist: `${list.url}/list` });
  expect(opened.packageUrls('p.rpm', '')[0]).toBe(`${good.url}/43/p.rpm`);
});

test('a directory with metadata is copied before it is trusted', async () => {
  const path = join(directory, 'repo');
  await mkdir(join(path, 'repodata'), { recursive: true });
  for (const [name, content] of Object.entries(tree)) {
    await writeFile(join(path, name.replace('/43/', '')), content);
  }
  for (const baseurl of [path, `file://${path}/`]) {
    const opened = await open({ baseurl });
    expect(opened.primary.startsWith(cache)).toBe(true);
    expect(opened.packageUrls('p.rpm', '')).toEqual([`file://${path}/p.rpm`]);
    expect(() => opened.packageUrls('../p.rpm', '')).toThrow(
      expect.objectContaining({ code: 'REPO_INVALID' }),
    );
  }
  await rm(cache, { recursive: true });
  await writeFile(join(path, 'repodata/primary.xml.gz'), gzipSync('other'));
  await expect(open({ baseurl: path })).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' });
  await rm(join(path, 'repodata/primary.xml.gz'));
  await expect(open({ baseurl: path })).rejects.toMatchObject({ code: 'REPO_UNAVAILABLE' });
  expect(await readdir(cache)).toEqual([]);
});

test('a directory of packages', async () => {
  const path = join(directory, 'rpms');
  await mkdir(join(path, 'b'), { recursive: true });
  for (const name of ['z.rpm', 'b/a b.rpm', 'b/x.txt']) await writeFile(join(path, name), '');
  await symlink('z.rpm', join(path, 'link.rpm'));
  const opened = await openRepository(define({ baseurl: path }), cache, options);
  expect(opened).toMatchObject({
    kind: 'rpms',
    files: [join(path, 'b/a b.rpm'), join(path, 'link.rpm'), join(path, 'z.rpm')],
  });
  expect(opened.packageUrls(join(path, 'b/a b.rpm'), '')).toEqual([`file://${path}/b/a%20b.rpm`]);
  for (const baseurl of [join(path, 'b/x.txt'), join(path, 'nowhere'), 'ftp://host/']) {
    const failed = openRepository(define({ baseurl }), cache, options);
    await expect(failed).rejects.toMatchObject({ code: 'REPO_UNAVAILABLE' });
  }
});
