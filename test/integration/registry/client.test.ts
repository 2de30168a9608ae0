/** The client against a real registry. */
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { indexType, manifestType, type Descriptor } from '../../../src/lib/oci/descriptor.ts';
import { sha256Of, tagOf } from '../../../src/lib/oci/digest.ts';
import type { BlobSource } from '../../../src/lib/registry/blob-source.ts';
import { RegistryClient } from '../../../src/lib/registry/client.ts';
import { plainEndpoint } from '../../helpers/registry/plain-endpoint.ts';
import { RegistryServer } from '../../helpers/registry/registry-server.ts';

let server: RegistryServer;
let client: RegistryClient;
let directory: string;

beforeAll(async () => {
  server = await RegistryServer.start();
  client = new RegistryClient({ registry: server.host, endpoint: plainEndpoint(server.host) });
  directory = await mkdtemp(join(tmpdir(), 'client-'));
});

afterAll(async () => {
  await server.close();
  await rm(directory, { recursive: true });
});

const source = (bytes: Uint8Array): BlobSource => ({
  digest: sha256Of(bytes),
  size: bytes.length,
  content: { bytes },
});

/** A manifest that the registry takes, with a config of its own; gives its bytes. */
async function pushManifest(repository: string, tag: string, extra: object = {}): Promise<Buffer> {
  const config = source(Buffer.from('{}'));
  await client.pushBlob(repository, config);
  const { digest, size } = config;
  const empty = { mediaType: 'application/vnd.oci.empty.v1+json', digest, size };
  const manifest = { schemaVersion: 2, mediaType: manifestType, config: empty, layers: [empty], ...extra };
  const bytes = Buffer.from(JSON.stringify(manifest));
  await client.putManifest(repository, tag, bytes, manifestType);
  return bytes;
}

test('a blob goes there once and comes back', async () => {
  const bytes = randomBytes(100_000);
  const blob = source(bytes);
  expect(await client.hasBlob('felt/hat', blob.digest)).toBeUndefined();
  expect(await client.getBlob('felt/hat', blob.digest, 1 << 20)).toBeUndefined();
  const told: number[] = [];
  const onProgress = (done: number) => void told.push(done);
  expect(await client.pushBlob('felt/hat', blob, { onProgress })).toBe('uploaded');
  expect(told.at(-1)).toBe(bytes.length);
  expect(await client.pushBlob('felt/hat', blob)).toBe('present');
  expect(await client.hasBlob('felt/hat', blob.digest)).toEqual({ size: bytes.length });
  expect((await client.getBlob('felt/hat', blob.digest, 1 << 20))?.equals(bytes)).toBe(true);
  await expect(client.getBlob('felt/hat', blob.digest, 1000)).rejects.toMatchObject({
    code: 'REGISTRY_INVALID',
  });
});

test('a blob of several pieces, from a file', async () => {
  const bytes = randomBytes(40 << 20);
  const path = join(directory, 'large');
  await writeFile(path, bytes);
  const told: number[] = [];
  const blob = { digest: sha256Of(bytes), size: bytes.length, content: { path } };
  const onProgress = (done: number) => void told.push(done);
  expect(await client.pushBlob('felt/large', blob, { onProgress })).toBe('uploaded');
  expect(await client.hasBlob('felt/large', blob.digest)).toEqual({ size: bytes.length });
  expect(told).toEqual(told.toSorted((a, b) => a - b));
  await truncate(path, 1000);
  await expect(client.pushBlob('felt/other', blob)).rejects.toMatchObject({ code: 'BLOB_MISSING' });
});

test('a file is hashed while it is sent: read again only where it is damaged, and no blob then', async () => {
  const bytes = randomBytes(5 << 20);
  const path = join(directory, 'damaged');
  const blob = { digest: sha256Of(bytes), size: bytes.length, content: { path } };
  const damaged = new Error('damaged');
  const verify = () => Promise.reject(damaged);
  bytes[bytes.length - 1]! ^= 1;
  await writeFile(path, bytes);
  await expect(client.pushBlob('felt/damaged', blob, { verify })).rejects.toBe(damaged);
  expect(await client.hasBlob('felt/damaged', blob.digest)).toBeUndefined();
  bytes[bytes.length - 1]! ^= 1;
  await writeFile(path, bytes);
  expect(await client.pushBlob('felt/damaged', blob, { verify })).toBe('uploaded');
});

test.each([0, 1, 2])('a blob of %d bytes', async (size) => {
  const blob = source(Buffer.alloc(size, 7));
  await client.pushBlob('felt/small', blob);
  expect(await client.hasBlob('felt/small', blob.digest)).toEqual({ size });
});

test('bytes that are not the promised ones are refused there', async () => {
  const blob = { ...source(randomBytes(10)), content: { bytes: randomBytes(10) } };
  await expect(client.pushBlob('felt/hat', blob)).rejects.toMatchObject({ code: 'REGISTRY_INVALID' });
});

test('what a sibling has is mounted; what it lacks is uploaded', async () => {
  const blob = source(randomBytes(1000));
  await client.pushBlob('felt/hat', blob);
  expect(await client.pushBlob('felt/cap', blob, { mountFrom: 'felt/hat' })).toBe('mounted');
  expect(await client.pushBlob('felt/cap', blob, { mountFrom: 'felt/hat' })).toBe('present');
  const other = source(randomBytes(1000));
  expect(await client.pushBlob('felt/cap', other, { mountFrom: 'felt/hat' })).toBe('uploaded');
  expect(await client.hasBlob('felt/cap', other.digest)).toEqual({ size: 1000 });
});

test('manifests by tag and by digest', async () => {
  expect(await client.getManifest('felt/tagged', 'v1')).toBeUndefined();
  expect(await client.headManifest('felt/tagged', 'v1')).toBeUndefined();
  const bytes = await pushManifest('felt/tagged', 'v1');
  const digest = sha256Of(bytes);
  for (const reference of ['v1', digest]) {
    expect(await client.getManifest('felt/tagged', reference)).toEqual({
      bytes,
      mediaType: manifestType,
      digest,
    });
    expect(await client.headManifest('felt/tagged', reference)).toBe(digest);
  }
});

test('a manifest whose parts are not there is refused', async () => {
  const missing = { mediaType: 'a/b', digest: sha256Of(randomBytes(8)), size: 8 };
  const manifest = { schemaVersion: 2, mediaType: manifestType, config: missing, layers: [] };
  const bytes = Buffer.from(JSON.stringify(manifest));
  await expect(client.putManifest('felt/hat', 'v', bytes, manifestType)).rejects.toMatchObject({
    code: 'REGISTRY_INVALID',
    details: { status: 400 },
  });
});

test('referrers are kept at the fallback tag: added once, replaced, and beside those of others', async () => {
  const repository = 'felt/referred';
  const subject = sha256Of(await pushManifest(repository, 'v1'));
  expect(await client.referrers(repository, subject)).toEqual([]);
  const artifact = async (name: string): Promise<Descriptor> => {
    const bytes = await pushManifest(repository, name, { annotations: { name } });
    const digest = sha256Of(bytes);
    const annotations = { name };
    return { mediaType: manifestType, digest, size: bytes.length, artifactType: 'a/b', annotations };
  };
  const [first, second] = [await artifact('one'), await artifact('two')];
  for (const descriptor of [first, second, first])
    await client.addReferrers(repository, subject, [{ descriptor }]);
  expect(await client.referrers(repository, subject)).toEqual([first, second]);
  const changed = { ...first, annotations: { name: 'three' } };
  await client.addReferrers(repository, subject, [{ descriptor: changed }]);
  expect(await client.referrers(repository, subject)).toEqual([changed, second]);
  expect((await client.getManifest(repository, tagOf(subject)))?.mediaType).toBe(indexType);
  const third = await artifact('three');
  await client.addReferrers(repository, subject, [{ descriptor: third, superseded: [first.digest] }]);
  expect(await client.referrers(repository, subject)).toEqual([third, second]);
});

test('an index that others wrote may say null', async () => {
  const subject = sha256Of(await pushManifest('felt/null', 'v1'));
  const one = await pushManifest('felt/null', 'v2');
  const two = await pushManifest('felt/null', 'v3', { annotations: { is: 'another' } });
  const entryOf = (bytes: Buffer) => ({
    mediaType: manifestType,
    digest: sha256Of(bytes),
    size: bytes.length,
  });
  const theirs = { ...entryOf(one), artifactType: null, annotations: null };
  const index = JSON.stringify({ schemaVersion: 2, mediaType: indexType, manifests: [theirs] });
  await client.putManifest('felt/null', tagOf(subject), Buffer.from(index), indexType);
  await client.addReferrers('felt/null', subject, [{ descriptor: entryOf(two) }]);
  expect(await client.referrers('felt/null', subject)).toEqual([entryOf(one), entryOf(two)]);
});

test('what stands at the fallback tag and is no index is not overwritten', async () => {
  const repository = 'felt/occupied';
  const bytes = await pushManifest(repository, 'v1');
  const subject = sha256Of(bytes);
  const other = await pushManifest(repository, tagOf(subject), { annotations: { of: 'somebody' } });
  const descriptor = { mediaType: manifestType, digest: subject, size: bytes.length };
  await expect(client.addReferrers(repository, subject, [{ descriptor }])).rejects.toMatchObject({
    code: 'REGISTRY_INVALID',
  });
  expect(await client.headManifest(repository, tagOf(subject))).toBe(sha256Of(other));
  expect(await client.referrers(repository, subject)).toEqual([]);
});

test('the subject itself at the fallback tag, as GitLab gives it, is no list and makes room for one', async () => {
  const repository = 'felt/alias';
  const bytes = await pushManifest(repository, 'v1');
  const subject = sha256Of(bytes);
  await client.putManifest(repository, tagOf(subject), bytes, manifestType);
  expect(await client.referrers(repository, subject)).toEqual([]);
  const descriptor = { mediaType: manifestType, digest: subject, size: bytes.length };
  await client.addReferrers(repository, subject, [{ descriptor }]);
  expect(await client.referrers(repository, subject)).toEqual([descriptor]);
});
