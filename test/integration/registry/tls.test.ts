/** How a registry is spoken to: by TLS that this host trusts, with a client's certificate, or by plain HTTP. */
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { RegistryClient } from '../../../src/lib/registry/client.ts';
import { makeCertificate } from '../../helpers/registry/certificate.ts';
import { plainEndpoint } from '../../helpers/registry/plain-endpoint.ts';
import { RegistryServer } from '../../helpers/registry/registry-server.ts';

/** Leads to this host like 127.0.0.1, but is not an address that nobody else can have. */
const outside = (host: string) => host.replace('127.0.0.1', '0.0.0.0');
const insecure = { code: 'REGISTRY_INSECURE', exitCode: 12 };

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tls-'));
  await makeCertificate(directory, 'server');
  await makeCertificate(directory, 'client');
});
afterAll(() => rm(directory, { recursive: true }));

const open: { close(): unknown }[] = [];
afterEach(async () => {
  for (const one of open.splice(0)) await one.close();
});

const pathOf = (name: string) => join(directory, name);

/** A registry with TLS that has nothing; `clients`: only for those with the client's certificate. */
async function listen({ clients = false } = {}): Promise<{ port: number; asked: string[] }> {
  const [key, cert, ca] = await Promise.all(
    ['server.key', 'server.crt', 'client.crt'].map((name) => readFile(pathOf(name))),
  );
  const asked: string[] = [];
  const server = createServer({ key, cert, ca, requestCert: clients }, (request, response) => {
    asked.push(`${request.method} ${request.url}`);
    response.writeHead(404).end();
  });
  server.listen(0);
  await once(server, 'listening');
  open.push(server);
  return { port: (server.address() as AddressInfo).port, asked };
}

/** Certificates for one registry, in a home of its own. */
async function homeWith(registry: string, files: Record<string, string>): Promise<{ HOME: string }> {
  const home = await mkdtemp(join(directory, 'home-'));
  const place = join(home, '.config/containers/certs.d', registry);
  await mkdir(place, { recursive: true });
  for (const [name, from] of Object.entries(files))
    await writeFile(join(place, name), await readFile(pathOf(from)));
  return { HOME: home };
}

async function headAt(
  registry: string,
  options: { environment?: { HOME: string }; plainHttp?: boolean; insecure?: boolean } = {},
) {
  const environment = options.environment ?? { HOME: directory };
  const client = await RegistryClient.open({ ...options, registry, repository: 'hat', environment });
  return client.headManifest('hat', '1');
}

test('a registry without TLS is spoken to when that is asked for, and never else', async () => {
  const server = await RegistryServer.start();
  open.push(server);
  const registry = outside(server.host);
  await expect(headAt(registry)).rejects.toMatchObject(insecure);
  expect(await headAt(registry, { plainHttp: true })).toBeUndefined();
  const plain = new RegistryClient({ registry, endpoint: plainEndpoint(registry) });
  expect(await plain.headManifest('hat', '1')).toBeUndefined();
});

test('on loopback the registry tells by its answer whether it has TLS', async () => {
  const server = await RegistryServer.start();
  open.push(server);
  expect(await headAt(server.host)).toBeUndefined();
  const { port, asked } = await listen();
  const registry = `localhost:${port}`;
  await expect(headAt(registry)).rejects.toMatchObject(insecure);
  expect(asked).toEqual([]);
  const environment = await homeWith(registry, { 'ca.crt': 'server.crt' });
  expect(await headAt(registry, { environment })).toBeUndefined();
  expect(asked.at(-1)).toBe('HEAD /v2/hat/manifests/1');
});

test('a certificate that nobody vouches for is no TLS', async () => {
  const { port, asked } = await listen();
  await expect(headAt(`0.0.0.0:${port}`)).rejects.toMatchObject(insecure);
  expect(asked).toEqual([]);
});

test('where registries.conf says that it need not be verified, TLS is still spoken', async () => {
  const { port, asked } = await listen();
  const registry = `0.0.0.0:${port}`;
  expect(await headAt(registry, { insecure: true })).toBeUndefined();
  expect(asked.at(-1)).toBe('HEAD /v2/hat/manifests/1');
  const server = await RegistryServer.start();
  open.push(server);
  expect(await headAt(outside(server.host), { insecure: true })).toBeUndefined();
});

test('certs.d has the authority and the certificate of one registry', async () => {
  const { port, asked } = await listen({ clients: true });
  const registry = `127.0.0.1:${port}`;
  const environment = await homeWith(registry, {
    'ca.crt': 'server.crt',
    'us.cert': 'client.crt',
    'us.key': 'client.key',
  });
  expect(await headAt(registry, { environment })).toBeUndefined();
  expect(asked.at(-1)).toBe('HEAD /v2/hat/manifests/1');
  const other = await homeWith('127.0.0.1:1', { 'ca.crt': 'server.crt' });
  await expect(headAt(registry, { environment: other })).rejects.toMatchObject(insecure);
});

test('half of a certificate is told', async () => {
  const environment = await homeWith('127.0.0.1:1', { 'us.cert': 'client.crt' });
  await expect(headAt('127.0.0.1:1', { environment })).rejects.toMatchObject({ code: 'CREDENTIALS_INVALID' });
});
