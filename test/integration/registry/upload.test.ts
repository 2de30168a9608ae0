/** Uploads as registries take them, each in its own way: all arrive, once and whole. */
import { randomBytes } from 'node:crypto';
import { afterEach, expect, test } from 'vitest';
import { sha256Of } from '../../../src/lib/oci/digest.ts';
import { RegistryClient } from '../../../src/lib/registry/client.ts';
import { FaultProxy, type Fault, type Seen } from '../../helpers/registry/fault-proxy.ts';
import { plainEndpoint } from '../../helpers/registry/plain-endpoint.ts';
import { StandIn, type Behaviour } from './stand-in.ts';

const open: { close(): void }[] = [];
afterEach(() => {
  for (const one of open.splice(0)) one.close();
});

const mebibyte = 1 << 20;
const source = (bytes: Uint8Array) => ({ digest: sha256Of(bytes), size: bytes.length, content: { bytes } });
const large = source(randomBytes(40 * mebibyte));
const small = source(randomBytes(1000));

async function upload(behaviour: Behaviour, script?: (seen: Seen) => Fault | undefined, blob = large) {
  const registry = await StandIn.start(behaviour);
  const proxy = await FaultProxy.start(registry.host);
  open.push(registry, proxy);
  if (script) proxy.script = script;
  const told: string[] = [];
  const client = new RegistryClient({
    registry: proxy.host,
    endpoint: plainEndpoint(proxy.host),
    report: (sentence) => void told.push(sentence),
  });
  expect(await client.pushBlob('felt/hat', blob)).toBe('uploaded');
  expect(registry.repositories.get('felt/hat')!.blobs.has(blob.digest)).toBe(true);
  return { client, proxy, told, methods: proxy.seen.map(({ method }) => method).join(' ') };
}

const ranges = ({ seen }: FaultProxy) =>
  seen.filter(({ method }) => method === 'PATCH').map(({ headers }) => headers['content-range']);
const range = (from: number, to: number) => `${from * mebibyte}-${to * mebibyte - 1}`;
/** The second half of the blob does not arrive the first time. */
const cutOnce = () => {
  let patches = 0;
  return ({ method }: Seen): Fault | undefined =>
    method === 'PATCH' && ++patches === 1 ? { cutRequestAfter: 20 * mebibyte } : undefined;
};

test.each<[string, Behaviour]>([
  ['the specification', {}],
  ['201 for PATCH (ECR, openai/tart#273)', { patchStatus: 201 }],
  ['204 for PATCH (pulp/pulp_container#2199)', { patchStatus: 204 }],
  ['200 for PATCH', { patchStatus: 200 }],
  ['no larger pieces than 4 MiB (GHCR, oras-project/rust-oci-client#35)', { largestPiece: 4 * mebibyte }],
  ['a range that stands still (ECR, aws/containers-roadmap#2831)', { rangeStands: true }],
  ['no pieces (Artifact Registry, dotnet/sdk-container-builds#287)', { noRanges: 405 }],
  ['sizes untold (distribution/distribution#4895)', { noLength: true }],
])('one request for all of it: %s', async (_, behaviour) => {
  const { proxy, methods, told } = await upload(behaviour);
  expect(methods).toBe('HEAD POST PATCH PUT');
  expect(ranges(proxy)).toEqual([undefined]);
  expect(told).toEqual([]);
});

test('what is small goes with the request that ends the upload', async () => {
  const { client, proxy } = await upload({});
  const before = proxy.seen.length;
  await client.pushBlob('felt/hat', small);
  expect(proxy.seen.slice(before).map(({ method }) => method)).toEqual(['HEAD', 'POST', 'PUT']);
});

test('pieces are for a registry that asks for them', async () => {
  const { proxy } = await upload({ leastPiece: 1000 });
  expect(ranges(proxy)).toEqual([range(0, 16), range(16, 32), range(32, 40)]);
  const more = await upload({ leastPiece: 20 * mebibyte });
  expect(ranges(more.proxy)).toEqual([range(0, 20), range(20, 40)]);
});

test.each([404, 405, 501])(
  'no PATCH at all, which it says with %d: one PUT, and that for good',
  async (status) => {
    const { client, proxy, told } = await upload({ noPatch: status });
    expect(proxy.seen.at(-1)).toMatchObject({ method: 'PUT' });
    expect(told.filter((sentence) => sentence.includes('takes no PATCH'))).toHaveLength(1);
    const before = proxy.seen.length;
    await client.pushBlob('felt/hat', source(randomBytes(2 * mebibyte)));
    expect(proxy.seen.slice(before).map(({ method }) => method)).toEqual(['HEAD', 'POST', 'PUT']);
  },
);

test('bodies of a bounded size: pieces, which become smaller until they fit', async () => {
  const { proxy, told } = await upload({ largestBody: 5 * mebibyte });
  expect(ranges(proxy).slice(-10)).toEqual(
    Array.from({ length: 10 }, (_, piece) => range(4 * piece, 4 * piece + 4)),
  );
  expect(told).toHaveLength(2);
});

test('a blob that is smaller than the usual piece, and larger than a body may be', async () => {
  const { told } = await upload({ largestBody: 5 * mebibyte }, undefined, source(randomBytes(10 * mebibyte)));
  expect(told).toHaveLength(1);
});

test('a body that no piece is small enough for is told', async () => {
  await expect(upload({ largestBody: mebibyte / 2 })).rejects.toMatchObject({
    code: 'REGISTRY_INVALID',
    details: { status: 413 },
  });
});

test('after a cut the upload goes on where it broke', async () => {
  const { proxy, told } = await upload({}, cutOnce());
  const [whole, second] = ranges(proxy);
  expect(whole).toBeUndefined();
  expect(Number(second!.split('-')[0])).toBeGreaterThan(0);
  expect(told).toEqual([expect.stringMatching(/^uploading sha256:.*; attempt 2 of 8 in [\d.]+ s$/)]);
});

test('pieces after a cut are no larger than the registry has them', async () => {
  const { proxy, told } = await upload({ largestPiece: 4 * mebibyte }, cutOnce());
  const sizes = ranges(proxy).flatMap((text) => text?.split('-').map(Number) ?? []);
  expect(sizes.at(-1)).toBe(40 * mebibyte - 1);
  expect(told.filter((sentence) => sentence.includes('pieces of 4 MiB'))).toHaveLength(1);
});

test('without pieces the rest goes as one, without a range', async () => {
  const { proxy, told } = await upload({ noRanges: 405 }, cutOnce());
  expect(ranges(proxy).at(-1)).toBeUndefined();
  expect(told.filter((sentence) => sentence.includes('takes no pieces'))).toHaveLength(1);
});
