/** Debian 13's clients take our zstd:chunked layers from a registry piece by piece, and an old one takes them whole. */
import { execFileSync } from 'node:child_process';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Desk, type BuildAnswer } from '../../helpers/milliner.ts';
import { ClientStorage } from '../../helpers/podman-storage.ts';
import { CountingProxy } from '../../helpers/registry/counting-proxy.ts';
import { RegistryServer } from '../../helpers/registry/registry-server.ts';
import { compareTrees } from '../../helpers/trees/compare-trees.ts';

let desk: Desk;
let registry: RegistryServer;
let proxy: CountingProxy;
let storage: ClientStorage;

beforeAll(async () => {
  desk = await Desk.open();
  registry = await RegistryServer.start();
  proxy = await CountingProxy.start(registry.url);
  storage = new ClientStorage(desk.path('client'));
});
afterAll(async () => {
  proxy.close();
  await registry.close();
  await desk.remove();
});

async function built(name: string, packages: string[], greeting: string): Promise<BuildAnswer> {
  const files = [{ path: '/etc/greeting', content: greeting }];
  const recipe = await desk.tiny(name, packages, { files, layers: { compression: 'zstd:chunked' } });
  const answer = await desk.build(recipe, '--output', desk.path('oci'));
  const to = `docker://${registry.host}/${name}:1`;
  execFileSync('skopeo', ['copy', '-q', '--dest-tls-verify=false', `oci:${desk.path('oci')}:${name}`, to]);
  return answer;
}

/** Into Debian 13's storage, and from there into a plain directory. */
async function pulled(name: string): Promise<string> {
  const directory = desk.path(`pulled-${name}`);
  await storage.pull(`${proxy.host}/${name}:1`, name);
  await storage.unpack(name, directory);
  return directory;
}

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
  expect(proxy.take().filter(({ status }) => status === 206).length).toBeGreaterThan(first.layers.length);

  const next = await built('next', ['tiny-base', 'tiny-app', 'tiny-extra'], 'good morning');
  expect(await compareTrees(unpacked('next'), await pulled('next'), (path) => path === '/')).toEqual([]);
  const fetched = proxy.take().reduce((sum, { bytes }) => sum + bytes, 0);
  expect(fetched).toBeLessThan(next.layers.reduce((sum, { size }) => sum + size, 0) / 4);
});
