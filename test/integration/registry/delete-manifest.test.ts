/** DELETE as registries do it, and lists of tags as they come: in pages, without end, or not at all. */
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { manifestType } from '../../../src/lib/oci/descriptor.ts';
import { sha256Of, type Digest } from '../../../src/lib/oci/digest.ts';
import { RegistryClient } from '../../../src/lib/registry/client.ts';
import { plainEndpoint } from '../../helpers/registry/plain-endpoint.ts';
import { account, RegistryServer } from '../../helpers/registry/registry-server.ts';
import { StandIn, type Behaviour } from './stand-in.ts';

const clientOf = (host: string) =>
  new RegistryClient({ registry: host, endpoint: plainEndpoint(host), credentials: account, attempts: 2 });

/** Two images; the first has two tags. */
async function stock(client: RegistryClient): Promise<[Digest, Digest]> {
  const bytes = (name: string) =>
    Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: manifestType, annotations: { name } }));
  const first = await client.putManifest('felt/hat', '1', bytes('first'), manifestType);
  await client.putManifest('felt/hat', 'one', bytes('first'), manifestType);
  return [first, await client.putManifest('felt/hat', '2', bytes('second'), manifestType)];
}

test.each<[string, Behaviour]>([
  ['as it is specified', {}],
  ['refused while there are tags', { noTaggedDelete: 400 }],
  ['refused while there are tags, with 409', { noTaggedDelete: 409 }],
  ['with tags that outlive it', { tagsOutlive: true }],
  ['with a token for deleting', { auth: 'bearer' }],
  ['with a token of a hidden prefix', { auth: 'bearer', hiddenPrefix: 'felt/' }],
  ['with Basic authentication', { auth: 'basic' }],
])('an image is deleted with its tags, and no other: %s', async (_name, behaviour) => {
  const registry = await StandIn.start(behaviour);
  try {
    const client = clientOf(registry.host);
    const [first, second] = await stock(client);
    expect(await client.deleteManifest('felt/hat', first, ['1', 'one'])).toBe(true);
    for (const reference of [first, '1', 'one']) {
      expect(await client.getManifest('felt/hat', reference)).toBeUndefined();
    }
    expect((await client.getManifest('felt/hat', '2'))?.digest).toBe(second);
    expect(await client.listTags('felt/hat')).toEqual(['2']);
    expect(await client.deleteManifest('felt/hat', first, [])).toBe(false);
  } finally {
    registry.close();
  }
});

test.each([405, 501])('a registry that answers %i is told by name, and nothing is gone', async (noDelete) => {
  const registry = await StandIn.start({ noDelete });
  try {
    const client = clientOf(registry.host);
    const [first] = await stock(client);
    await expect(client.deleteManifest('felt/hat', first, ['1', 'one'])).rejects.toMatchObject({
      code: 'DELETE_UNSUPPORTED',
      message: expect.stringContaining(registry.host) as string,
    });
    expect(await client.listTags('felt/hat')).toEqual(['1', '2', 'one']);
  } finally {
    registry.close();
  }
});

test('a refusal that does not end is an error', async () => {
  const registry = await StandIn.start({ noTaggedDelete: 412 });
  try {
    const client = clientOf(registry.host);
    const [first] = await stock(client);
    // Only one of its tags is given.
    await expect(client.deleteManifest('felt/hat', first, ['1'])).rejects.toMatchObject({
      code: 'REGISTRY_INVALID',
    });
    expect((await client.getManifest('felt/hat', 'one'))?.digest).toBe(first);
  } finally {
    registry.close();
  }
});

test('docker-registry deletes an image with its tags, or says that it may not', async () => {
  for (const noDelete of [false, true]) {
    const server = await RegistryServer.start({ noDelete });
    try {
      const client = clientOf(server.host);
      const empty = Buffer.from('{}');
      const config = { mediaType: 'application/vnd.oci.empty.v1+json', size: 2 };
      const { digest } = await pushed(client, empty);
      const manifest = {
        schemaVersion: 2,
        mediaType: manifestType,
        config: { ...config, digest },
        layers: [],
      };
      const bytes = Buffer.from(JSON.stringify(manifest));
      const image = await client.putManifest('felt/hat', '1', bytes, manifestType);
      await client.putManifest('felt/hat', 'one', bytes, manifestType);
      const deleting = client.deleteManifest('felt/hat', image, ['1', 'one']);
      if (noDelete) await expect(deleting).rejects.toMatchObject({ code: 'DELETE_UNSUPPORTED' });
      else expect(await deleting).toBe(true);
      expect((await client.listTags('felt/hat')) ?? []).toEqual(noDelete ? ['1', 'one'] : []);
      expect(await client.listTags('felt/none')).toBeUndefined();
    } finally {
      await server.close();
    }
  }
});

async function pushed(client: RegistryClient, bytes: Buffer) {
  const digest = sha256Of(bytes);
  await client.pushBlob('felt/hat', { digest, size: bytes.length, content: { bytes } });
  return { digest };
}

async function listing<T>(listener: RequestListener, fn: (client: RegistryClient) => Promise<T>): Promise<T> {
  const server = createServer(listener);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    return await fn(clientOf(`127.0.0.1:${(server.address() as AddressInfo).port}`));
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

test('tags come in pages, each once', async () => {
  const pages = [['b', 'a'], ['c', 'a'], ['d']];
  const tags = await listing(
    ({ url }, response) => {
      const at = Number(new URL(url!, 'http://x').searchParams.get('last') ?? 0);
      const next = at + 1 < pages.length ? { link: `</v2/hat/tags/list?last=${at + 1}>; rel="next"` } : {};
      response.writeHead(200, next).end(JSON.stringify({ name: 'hat', tags: pages[at] }));
    },
    (client) => client.listTags('hat'),
  );
  expect(tags).toEqual(['a', 'b', 'c', 'd']);
});

test.each<[string, string, RequestListener]>([
  [
    'without end',
    'REGISTRY_EXCESS',
    (_request, response) =>
      void response.writeHead(200, { link: '</v2/hat/tags/list?last=x>; rel="next"' }).end('{"tags":["a"]}'),
  ],
  ['of something else', 'REGISTRY_INVALID', (_request, response) => void response.end('{"tags":["a/../b"]}')],
  ['that is a page', 'REGISTRY_INVALID', (_request, response) => void response.end('<h1>tags</h1>')],
  ['that is refused', 'REGISTRY_DENIED', (_request, response) => void response.writeHead(403).end()],
  ['that it does not have', 'REGISTRY_INVALID', (_request, response) => void response.writeHead(405).end()],
])('a list %s is an error, never a short list', async (_name, code, listener) => {
  await expect(listing(listener, (client) => client.listTags('hat'))).rejects.toMatchObject({ code });
});

test('no tags, and no repository', async () => {
  const empty: RequestListener = (_request, response) => void response.end('{"tags":null}');
  expect(await listing(empty, (client) => client.listTags('hat'))).toEqual([]);
  const none: RequestListener = (_request, response) => void response.writeHead(404).end();
  expect(await listing(none, (client) => client.listTags('hat'))).toBeUndefined();
});
