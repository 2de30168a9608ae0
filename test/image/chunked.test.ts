/** Debian 13's clients take our zstd:chunked layers from a registry piece by piece, and an old one takes them whole. */
import { execFileSync } from 'node:child_process';
import { createServer, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Desk, type BuildAnswer } from '../cli/milliner.ts';
import { pullInPieces } from '../clients/pull.ts';
import { RegistryServer } from '../registry/server.ts';
import { compareTrees } from './trees.ts';

let desk: Desk;
let registry: RegistryServer;
let proxy: Server;
/** Status and bytes of every answer to a request for a blob. */
const served: { status: number; bytes: number }[] = [];

beforeAll(async () => {
  desk = await Desk.open();
  registry = await RegistryServer.start();
  proxy = createServer((asked, answer) => {
    const { method, headers, url } = asked;
    const onward = request(`${registry.url}${url}`, { method, headers }, (got) => {
      const count = { status: got.statusCode!, bytes: 0 };
      if (method === 'GET' && url!.includes('/blobs/')) served.push(count);
      got.on('data', (piece: Buffer) => (count.bytes += piece.length));
      answer.writeHead(got.statusCode!, got.headers);
      got.pipe(answer);
    });
    asked.pipe(onward);
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
});
afterAll(async () => {
  proxy.close();
  await registry.close();
  await desk.remove();
});

const host = () => `127.0.0.1:${(proxy.address() as AddressInfo).port}`;

async function built(name: string, packages: string[], greeting: string): Promise<BuildAnswer> {
  const files = [{ path: '/etc/greeting', content: greeting }];
  const recipe = await desk.tiny(name, packages, { files, layers: { compression: 'zstd:chunked' } });
  const answer = await desk.build(recipe, '--output', desk.path('oci'));
  const to = `docker://${registry.host}/${name}:1`;
  execFileSync('skopeo', ['copy', '-q', '--dest-tls-verify=false', `oci:${desk.path('oci')}:${name}`, to]);
  return answer;
}

const pulled = (name: string) => pullInPieces(`${host()}/${name}:1`, name, desk.directory);

/** By Debian 12's buildah, which knows nothing of chunks. */
function unpacked(name: string): string {
  const places = ['--root', desk.path('old'), '--runroot', desk.path('old-run')];
  const buildah = (...args: string[]) =>
    execFileSync('buildah', [...places, '--storage-driver', 'overlay', ...args])
      .toString()
      .trim();
  const root = buildah('mount', buildah('from', '--tls-verify=false', `docker://${registry.host}/${name}:1`));
  const directory = desk.path(`unpacked-${name}`);
  execFileSync('cp', ['-a', root, directory]);
  buildah('rm', '--all');
  return directory;
}

test('it is pulled in ranges, the next image in few, and its tree is right for new and old clients', async () => {
  const first = await built('first', ['tiny-base', 'tiny-app'], 'hello');
  expect(await compareTrees(unpacked('first'), await pulled('first'), (path) => path === '/')).toEqual([]);
  expect(served.filter(({ status }) => status === 206).length).toBeGreaterThan(first.layers.length);

  served.length = 0;
  const next = await built('next', ['tiny-base', 'tiny-app', 'tiny-extra'], 'good morning');
  expect(await compareTrees(unpacked('next'), await pulled('next'), (path) => path === '/')).toEqual([]);
  const fetched = served.reduce((sum, { bytes }) => sum + bytes, 0);
  expect(fetched).toBeLessThan(next.layers.reduce((sum, { size }) => sum + size, 0) / 4);
});
