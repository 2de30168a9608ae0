/**
 * A registry that has more of everything than anybody needs: what is read of it into memory has a bound for the whole
 * operation, and nothing is left out in silence.
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { indexType, manifestType } from '../../../src/lib/oci/descriptor.ts';
import { sha256Of } from '../../../src/lib/oci/digest.ts';
import { ReadBudget } from '../../../src/lib/registry/budget.ts';
import { RegistryClient } from '../../../src/lib/registry/client.ts';
import { maxSignatures, readSignatureFiles } from '../../../src/lib/registry/lookaside.ts';
import { fetchAttachment, fetchBundles } from '../../../src/pipeline/trust/fetch-signatures.ts';
import { bundleType } from '../../../src/stages/sign/sigstore-bundle.ts';
import { plainEndpoint } from '../../helpers/registry/plain-endpoint.ts';

const digest = sha256Of(Buffer.from('image'));
const repository = 'vendor/app';
const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close().closeAllConnections();
});

type Serve = (path: string, response: ServerResponse, request: IncomingMessage) => void;

/** Every path that it was asked for is kept. */
async function registry(serve: Serve): Promise<{ client: RegistryClient; url: string; asked: string[] }> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(request.url!);
    serve(request.url!, response, request);
  });
  servers.push(server.listen(0, '127.0.0.1'));
  await once(server, 'listening');
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const client = new RegistryClient({ registry: host, endpoint: plainEndpoint(host), attempts: 2 });
  return { client, url: `http://${host}`, asked };
}

const index = (response: ServerResponse, manifests: object[], headers: Record<string, string> = {}) =>
  response
    .writeHead(200, { 'content-type': indexType, ...headers })
    .end(JSON.stringify({ schemaVersion: 2, manifests }));

/** A bundle's manifest, blown up to so many bytes by an annotation. */
function manifestOf(n: number, size: number): Buffer {
  const layers = [{ mediaType: bundleType, digest, size: 1 << 30 }];
  const text = (padding: string) =>
    JSON.stringify({ schemaVersion: 2, layers, annotations: { n: String(n), padding } });
  return Buffer.from(text('x'.repeat(Math.max(size - text('').length, 0))));
}

/** So many bundles refer to the image, each manifest so large; the list says so of each, or that it is small. */
const bundles = (count: number, size: number, isHonest = true) => {
  const listed = Array.from({ length: count }, (_, n) => n).map((n) => {
    const manifest = () => manifestOf(n, size);
    return { digest: sha256Of(manifest()), manifest };
  });
  const byDigest = new Map<string, () => Buffer>(listed.map((one) => [one.digest, one.manifest]));
  return registry((path, response) => {
    if (path.includes('/referrers/')) {
      const said = isHonest ? size : 500;
      const entry = { mediaType: manifestType, size: said, artifactType: bundleType };
      return void index(
        response,
        listed.map((one) => ({ ...entry, digest: one.digest })),
      );
    }
    const manifest = byDigest.get(path.split('/').at(-1)!);
    if (!manifest) return void response.writeHead(404).end();
    return void response.writeHead(200, { 'content-type': manifestType }).end(manifest());
  });
};

const look = (client: RegistryClient) => fetchBundles({ client, repository, digest }, 'signatures');

test.each([
  ['as the list says', true],
  ['unlike what the list says', false],
])('40 manifests of 4 MiB refer to an image, %s: none is kept', async (_name, isHonest) => {
  const { client, asked } = await bundles(40, 4_000_000, isHonest);
  const found = await look(client);
  expect(found).toHaveLength(40);
  expect(found.reduce((sum, { manifest }) => sum + manifest.length, 0)).toBe(0);
  expect(asked.filter((path) => path.includes('/manifests/'))).toHaveLength(isHonest ? 0 : 40);
});

test('manifests that are small enough each, and too much together', async () => {
  const { client, asked } = await bundles(400, 60_000);
  await expect(look(client)).rejects.toMatchObject({ code: 'REGISTRY_EXCESS' });
  expect(asked.length).toBeLessThan(300);
});

test('more bundles than are read: ours may be behind them', async () => {
  const { client, asked } = await bundles(1001, 300);
  await expect(look(client)).rejects.toMatchObject({ code: 'REGISTRY_EXCESS' });
  expect(asked).toHaveLength(1);
});

test('a list of referrers that never ends, or is too long', async () => {
  const long = 'x'.repeat(1_000_000);
  for (const artifactType of ['application/x-other', long]) {
    const entry = { mediaType: manifestType, digest, size: 500, artifactType };
    const { client, asked } = await registry((path, response) => {
      const link = `<${path.split('?')[0]}?page=${asked.length}>; rel="next"`;
      index(response, [entry], { link });
    });
    await expect(look(client)).rejects.toMatchObject({ code: 'REGISTRY_EXCESS' });
    expect(asked.length).toBeLessThanOrEqual(50);
  }
});

test('a list of tags that never ends says nothing of a tag that is refused', async () => {
  const { client, asked } = await registry((path, response) => {
    if (path.includes('/manifests/')) return void response.writeHead(403).end();
    response.setHeader('link', `</v2/${repository}/tags/list?last=${asked.length}>; rel="next"`);
    return void response.end(JSON.stringify({ name: repository, tags: ['other'] }));
  });
  const image = { client, repository, digest };
  await expect(fetchAttachment(image, 'sig')).rejects.toMatchObject({ code: 'REGISTRY_EXCESS' });
});

test('tokens that are no tokens', async () => {
  const { client, url, asked } = await registry((path, response) => {
    if (path.startsWith('/token')) return void response.end(JSON.stringify({ token: 'x'.repeat(900_000) }));
    return void response
      .writeHead(401, { 'www-authenticate': `Bearer realm="${url}/token",service="x"` })
      .end();
  });
  await expect(client.getManifest(repository, '1')).rejects.toMatchObject({ code: 'REGISTRY_INVALID' });
  expect(asked.length).toBeLessThanOrEqual(4);
});

test('tokens that live for one request are kept no longer, and count', async () => {
  const token = 'x'.repeat(10_000);
  const { client, url } = await registry((path, response, { headers }) => {
    if (path.startsWith('/token')) return void response.end(JSON.stringify({ token, expires_in: 1 }));
    if (headers.authorization) return void response.writeHead(404).end();
    return void response
      .writeHead(401, { 'www-authenticate': `Bearer realm="${url}/token",service="x"` })
      .end();
  });
  const budget = new ReadBudget(100_000);
  const asks = async () => {
    for (let n = 0; n < 20; n++) await client.within(budget).getManifest(repository, `tag${n}`);
  };
  await expect(asks()).rejects.toMatchObject({ code: 'REGISTRY_EXCESS' });
});

test('signatures beside a registry: as many as are looked at, each as large as one may be', async () => {
  const bytes = Buffer.alloc(1_000_000, 0x80);
  const { url, asked } = await registry((_path, response) => void response.end(bytes));
  await expect(readSignatureFiles(new URL(url), { repository, digest })).rejects.toMatchObject({
    code: 'REGISTRY_EXCESS',
  });
  expect(asked.length).toBeLessThan(maxSignatures);
});
