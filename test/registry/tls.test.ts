/** Registries that are not on the loopback's names: TLS that this host trusts, or plain HTTP where it is asked for. */
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { RegistryClient } from '../../src/registry/client.ts';
import { RegistryServer } from './server.ts';

/** Leads to this host like 127.0.0.1, but is not an address that nobody else can have. */
const outside = (host: string) => host.replace('127.0.0.1', '0.0.0.0');
const insecure = { code: 'REGISTRY_INSECURE', exitCode: 12 };

test('a registry without TLS is spoken to when that is asked for, and never else', async () => {
  const server = await RegistryServer.start();
  try {
    const registry = outside(server.host);
    await expect(new RegistryClient({ registry }).headManifest('hat', '1')).rejects.toMatchObject(insecure);
    const plain = new RegistryClient({ registry, plainHttp: true });
    expect(await plain.headManifest('hat', '1')).toBeUndefined();
  } finally {
    await server.close();
  }
});

test('a certificate that nobody vouches for is no TLS', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'tls-'));
  const [key, cert] = [join(directory, 'key.pem'), join(directory, 'cert.pem')];
  const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj', '/CN=0.0.0.0'];
  spawnSync('openssl', ['req', '-x509', ...kind, '-keyout', key, '-out', cert]);
  let asked = 0;
  const server = createServer({ key: await readFile(key), cert: await readFile(cert) }, () => asked++);
  server.listen(0);
  try {
    await once(server, 'listening');
    const registry = `0.0.0.0:${(server.address() as AddressInfo).port}`;
    await expect(new RegistryClient({ registry }).headManifest('hat', '1')).rejects.toMatchObject(insecure);
    expect(asked).toBe(0);
  } finally {
    server.close();
    await rm(directory, { recursive: true });
  }
});
