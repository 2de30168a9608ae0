/** Whatever breaks between us and a real registry: what passes is waited for, what does not is said. */
import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { indexType, manifestType } from '../../../src/lib/oci/descriptor.ts';
import { sha256Of, tagOf } from '../../../src/lib/oci/digest.ts';
import { RegistryClient } from '../../../src/lib/registry/client.ts';
import { FaultProxy, type Fault, type Seen } from '../../helpers/registry/fault-proxy.ts';
import { plainEndpoint } from '../../helpers/registry/plain-endpoint.ts';
import { RegistryServer } from '../../helpers/registry/registry-server.ts';

let server: RegistryServer;
let proxy: FaultProxy;
let client: RegistryClient;

beforeEach(async () => {
  server = await RegistryServer.start();
  proxy = await FaultProxy.start(server.host);
  client = new RegistryClient({ registry: proxy.host, endpoint: plainEndpoint(proxy.host) });
});

afterEach(async () => {
  proxy.close();
  await server.close();
});

const mebibyte = 1 << 20;
const source = (bytes: Uint8Array) => ({ digest: sha256Of(bytes), size: bytes.length, content: { bytes } });
const small = source(randomBytes(1000));
const large = source(randomBytes(40 * mebibyte));

/** Each fault befalls the first request of its method that has not met one. */
function faults(...planned: [method: string, fault: Fault][]): void {
  const left = [...planned];
  proxy.script = ({ method }) => {
    const at = left.findIndex(([wanted]) => wanted === method);
    return at < 0 ? undefined : left.splice(at, 1)[0]![1];
  };
}

const methods = () => proxy.seen.map(({ method }) => method).join(' ');
const rangesOf = (method: string) =>
  proxy.seen.filter((seen) => seen.method === method).map(({ headers }) => headers['content-range']);

test.each([408, 429, 500, 502, 503, 504])('status %d passes', async (status) => {
  faults(['HEAD', { answer: status }], ['POST', { answer: status }], ['PUT', { answer: status }]);
  expect(await client.pushBlob('felt/hat', small)).toBe('uploaded');
  expect(await client.hasBlob('felt/hat', small.digest)).toEqual({ size: small.size });
});

test.each([
  [400, 'REGISTRY_INVALID'],
  [401, 'REGISTRY_DENIED'],
  [403, 'REGISTRY_DENIED'],
  [405, 'REGISTRY_INVALID'],
])('status %d does not', async (status, code) => {
  proxy.script = () => ({ answer: status });
  await expect(client.getBlob('felt/hat', small.digest, 1000)).rejects.toMatchObject({
    code,
    details: { status },
  });
  expect(proxy.seen).toHaveLength(1);
});

test('a refusal where it is asked what is there says nothing: who may not push hears it when they do', async () => {
  const denied = { code: 'REGISTRY_DENIED', details: { status: 403 } };
  proxy.script = () => ({ answer: 403 });
  expect(await client.hasBlob('felt/hat', small.digest)).toBeUndefined();
  expect(await client.headManifest('felt/hat', 'v1')).toBeUndefined();
  await expect(client.pushBlob('felt/hat', small)).rejects.toMatchObject(denied);
  await expect(client.putManifest('felt/hat', 'v1', Buffer.from('{}'), manifestType)).rejects.toMatchObject(
    denied,
  );
});

test('Retry-After is waited for', async () => {
  faults(['HEAD', { answer: 429, headers: { 'retry-after': '1' } }]);
  const began = Date.now();
  await client.hasBlob('felt/hat', small.digest);
  expect(Date.now() - began).toBeGreaterThanOrEqual(1000);
  expect(methods()).toBe('HEAD HEAD');
});

test('a registry that is not there is said after all attempts', async () => {
  await server.kill();
  const impatient = new RegistryClient({
    registry: server.host,
    endpoint: plainEndpoint(server.host),
    attempts: 2,
  });
  await expect(impatient.getManifest('felt/hat', 'v1')).rejects.toMatchObject({
    code: 'REGISTRY_UNAVAILABLE',
  });
});

test('one that comes back is waited for', async () => {
  await server.kill();
  const waiting = client.pushBlob('felt/hat', small);
  await server.start();
  expect(await waiting).toBe('uploaded');
});

test('an upload that never arrived is sent again', async () => {
  faults(['PATCH', { answer: 500 }]);
  expect(await client.pushBlob('felt/hat', large)).toBe('uploaded');
  expect(methods()).toBe('HEAD POST PATCH HEAD GET POST PATCH PUT');
});

test('a registry that was killed in the middle is waited for', async () => {
  let patches = 0;
  proxy.script = async ({ method }: Seen) => {
    if (method !== 'PATCH' || ++patches !== 1) return undefined;
    await server.kill();
    await server.start();
    return { answer: 500 };
  };
  expect(await client.pushBlob('felt/hat', large)).toBe('uploaded');
  expect(await client.hasBlob('felt/hat', large.digest)).toEqual({ size: large.size });
});

/** docker-registry forgets an upload that arrived in part: this is where ours begins anew. */
test('what arrived in part begins anew where the registry forgets it, and that is told', async () => {
  faults(['PATCH', { cutRequestAfter: 5 * mebibyte }]);
  const told: string[] = [];
  const telling = new RegistryClient({
    registry: proxy.host,
    endpoint: plainEndpoint(proxy.host),
    report: (sentence) => void told.push(sentence),
  });
  expect(await telling.pushBlob('felt/hat', large)).toBe('uploaded');
  // In pieces: why the first connection broke, nobody knows.
  expect(rangesOf('PATCH').slice(0, 2)).toEqual([undefined, '0-16777215']);
  expect(told).toHaveLength(1);
  expect(await client.hasBlob('felt/hat', large.digest)).toEqual({ size: large.size });
});

test('an upload whose end nobody heard of is found to be there', async () => {
  faults(['PUT', { loseAnswer: true }]);
  expect(await client.pushBlob('felt/hat', small)).toBe('uploaded');
  expect(methods()).toBe('HEAD POST PUT HEAD');
});

test('an upload whose answer nobody heard of is not sent again where the registry still knows', async () => {
  faults(['PATCH', { loseAnswer: true }]);
  expect(await client.pushBlob('felt/hat', large)).toBe('uploaded');
  expect(await client.hasBlob('felt/hat', large.digest)).toEqual({ size: large.size });
});

test('a registry has what it was sent, whatever it says', async () => {
  faults(['PATCH', { rewrite: { range: '0-99999999999999999999' } }]);
  expect(await client.pushBlob('felt/hat', large)).toBe('uploaded');
  expect(methods()).toBe('HEAD POST PATCH PUT');
});

test('answers that break off are asked for again', async () => {
  await client.pushBlob('felt/hat', small);
  const { digest, size } = small;
  const config = { mediaType: 'a/b', digest, size };
  const manifest = Buffer.from(
    JSON.stringify({ schemaVersion: 2, mediaType: manifestType, config, layers: [] }),
  );
  faults(['PUT', { loseAnswer: true }]);
  await client.putManifest('felt/hat', 'v1', manifest, manifestType);
  faults(['GET', { cutAnswerAfter: 10 }], ['GET', { cutAnswerAfter: 0 }]);
  expect((await client.getManifest('felt/hat', 'v1'))?.bytes.equals(manifest)).toBe(true);
  faults(['GET', { cutAnswerAfter: 500 }]);
  expect(await client.getBlob('felt/hat', small.digest, 2000)).toEqual(small.content.bytes);
});

test('other bytes than the digest promises are refused', async () => {
  await client.pushBlob('felt/hat', small);
  proxy.script = () => ({ answer: 200, body: 'a hat of straw' });
  const invalid = { code: 'REGISTRY_INVALID' };
  await expect(client.getBlob('felt/hat', small.digest, 2000)).rejects.toMatchObject(invalid);
  await expect(client.getManifest('felt/hat', small.digest)).rejects.toMatchObject(invalid);
  const headers = { 'docker-content-digest': small.digest };
  proxy.script = () => ({ answer: 200, body: 'a hat of straw', headers });
  await expect(client.getManifest('felt/hat', 'v1')).rejects.toMatchObject(invalid);
  proxy.script = () => ({ answer: 201, headers });
  await expect(client.putManifest('felt/hat', 'v1', Buffer.from('{}'), manifestType)).rejects.toMatchObject(
    invalid,
  );
  await expect(client.headManifest('felt/hat', sha256Of(Buffer.from('x')))).rejects.toMatchObject(invalid);
});

test('an endless manifest is cut off', async () => {
  proxy.script = () => ({ answer: 200, body: 'a'.repeat(5 * mebibyte) });
  await expect(client.getManifest('felt/hat', 'v1')).rejects.toMatchObject({ code: 'REGISTRY_INVALID' });
});

test('an index that is nested without end is no index', async () => {
  const entry = `{"mediaType":"a","digest":"b","size":1,"c":${'['.repeat(100_000)}${']'.repeat(100_000)}}`;
  const body = `{"schemaVersion":2,"manifests":[${entry}]}`;
  proxy.script = ({ url }) => (url.endsWith(tagOf(small.digest)) ? { answer: 200, body } : undefined);
  const referrer = { mediaType: manifestType, digest: large.digest, size: 1 };
  await expect(
    client.addReferrers('felt/hat', small.digest, [{ descriptor: referrer }]),
  ).rejects.toMatchObject({
    code: 'REGISTRY_INVALID',
  });
});

test('no address without TLS, no endless redirects, no address at all', async () => {
  proxy.script = ({ url }) => ({ answer: 307, headers: { location: url } });
  await expect(client.hasBlob('felt/hat', small.digest)).rejects.toMatchObject({ code: 'REGISTRY_INVALID' });
  for (const headers of [{}, { location: 'http://[' }]) {
    proxy.script = ({ method }) => (method === 'POST' ? { answer: 202, headers } : undefined);
    await expect(client.pushBlob('felt/hat', small)).rejects.toMatchObject({ code: 'REGISTRY_INVALID' });
  }
  proxy.script = () => ({ answer: 307, headers: { location: 'file:///etc/passwd' } });
  await expect(client.getBlob('felt/hat', small.digest, 2000)).rejects.toMatchObject({
    code: 'REGISTRY_INSECURE',
  });
});

test('a stop is obeyed between attempts and in the middle of an upload', async () => {
  for (const when of ['HEAD', 'PATCH']) {
    const stop = new AbortController();
    const stopped = new RegistryClient({
      registry: proxy.host,
      endpoint: plainEndpoint(proxy.host),
      signal: stop.signal,
    });
    proxy.script = ({ method }: Seen) => {
      if (method !== when) return undefined;
      setTimeout(() => stop.abort(), 10);
      return when === 'HEAD' ? { answer: 503, headers: { 'retry-after': '60' } } : { cutAnswerAfter: 0 };
    };
    await expect(stopped.pushBlob('felt/hat', large)).rejects.toMatchObject({ code: 'INTERRUPTED' });
  }
});

test('OCI-Subject without the API is not believed; the API without our entry gets the tag as well', async () => {
  const subject = sha256Of(Buffer.from('x'));
  const descriptor = { mediaType: manifestType, digest: small.digest, size: small.size };
  const index = { schemaVersion: 2, manifests: [] as object[] };
  const stored: string[] = [];
  const headers = { 'content-type': 'application/vnd.oci.image.index.v1+json' };
  const answer = () => ({ answer: 200, headers, body: JSON.stringify(index) });
  proxy.script = ({ method, url }: Seen) => {
    if (url.includes('/referrers/')) return answer();
    if (method !== 'PUT')
      return stored.length > 0
        ? { ...answer(), body: JSON.stringify({ ...index, manifests: [descriptor] }) }
        : { answer: 404 };
    stored.push(url);
    return { answer: 201, headers: { 'oci-subject': subject } };
  };
  await client.addReferrers('felt/hat', subject, [{ descriptor }]);
  expect(stored).toEqual([`/v2/felt/hat/manifests/sha256-${subject.slice(7)}`]);
  index.manifests.push(descriptor);
  await client.addReferrers('felt/hat', subject, [{ descriptor }]);
  expect(stored).toHaveLength(1);
  expect(await client.referrers('felt/hat', subject)).toEqual([descriptor]);
});

test.each([400, 403, 404, 501])('status %d where the API would be: the tag it is', async (status) => {
  proxy.script = ({ url }: Seen) => (url.includes('/referrers/') ? { answer: status } : undefined);
  expect(await client.referrers('felt/hat', small.digest)).toEqual([]);
});

test('an entry that another writer overwrote is written again, beside theirs', async () => {
  await client.pushBlob('felt/hat', small);
  const subject = sha256Of(Buffer.from('x'));
  const { digest, size } = small;
  const push = async (name: string) => {
    const config = { mediaType: 'a/b', digest, size };
    const manifest = { schemaVersion: 2, mediaType: manifestType, config, layers: [], annotations: { name } };
    const bytes = Buffer.from(JSON.stringify(manifest));
    await client.putManifest('felt/hat', sha256Of(bytes), bytes, manifestType);
    return { mediaType: manifestType, digest: sha256Of(bytes), size: bytes.length };
  };
  const [ours, theirs] = [await push('ours'), await push('theirs')];
  const other = new RegistryClient({ registry: server.host, endpoint: plainEndpoint(server.host) });
  const index = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: indexType, manifests: [theirs] }));
  let written = 0;
  proxy.script = async ({ method }: Seen) => {
    if (method === 'PUT') written++;
    else if (written === 1) await other.putManifest('felt/hat', tagOf(subject), index, indexType);
    return undefined;
  };
  await client.addReferrers('felt/hat', subject, [{ descriptor: ours }]);
  expect(written).toBe(2);
  expect(await client.referrers('felt/hat', subject)).toEqual([theirs, ours]);
});
