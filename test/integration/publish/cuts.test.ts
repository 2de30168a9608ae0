/**
 * Publishing that is cut short: the process or the registry killed, connections cut, answers that say no. Whoever
 * looks at the tag meanwhile sees an image that was signed and booted; the next run completes, and what is there in
 * the end is what an undisturbed run leaves.
 */
import fc from 'fast-check';
import { createPublicKey, verify } from 'node:crypto';
import { cp, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { isDigest, tagOf, type Digest } from '../../../src/lib/oci/digest.ts';
import { RegistryClient } from '../../../src/lib/registry/client.ts';
import { useOneProcess } from '../../helpers/command-client.ts';
import { Bench } from '../../helpers/publish-fixture.ts';
import { FaultProxy, type Fault, type Seen } from '../../helpers/registry/fault-proxy.ts';
import { plainEndpoint } from '../../helpers/registry/plain-endpoint.ts';
import { storedIn } from '../../helpers/registry/stored-blobs.ts';

useOneProcess();

const soak = process.env['MILLINER_SOAK'] !== undefined;
const rounds = soak ? 50 : 6;
/** Milliseconds between two looks at the tag. */
const pause = soak ? 3 : 10;
const repository = 'cut/hat';

let bench: Bench;
let proxy: FaultProxy;
let reference: string;
/** The image that the tag names before, and the one that it is to name. */
let old: Digest;
let young: Digest;
/**
 * What undisturbed runs store, and how many requests they take: what a statement of the tag is in has the time of the
 * run, and another digest each time.
 */
let steady: string[];
let tags: string[];
let requests: number;

beforeAll(async () => {
  bench = await Bench.open();
  proxy = await FaultProxy.start(bench.server.host);
  reference = `${proxy.host}/${repository}:latest`;
  old = (await bench.booted('old', ['tiny-base'])).manifestDigest as Digest;
  young = (await bench.booted('young', ['tiny-base', 'tiny-app'])).manifestDigest as Digest;
  await bench.publish('old', reference);
  await cp(bench.server.storage, bench.desk.path('before'), { recursive: true });
  const first = proxy.seen.length;
  await bench.publish('young', reference);
  requests = proxy.seen.length - first;
  const one = await storedIn(bench.server.storage);
  await restore();
  await bench.publish('young', reference);
  const other = new Set(await storedIn(bench.server.storage));
  steady = one.filter((line) => other.has(line));
  tags = tagsIn(one);
});

/** As it was before the publication that is disturbed; nobody has learned of it. */
async function restore(): Promise<void> {
  await rm(bench.server.storage, { recursive: true });
  await cp(bench.desk.path('before'), bench.server.storage, { recursive: true });
  // The state has seen records that the registry now lacks.
  await rm(join(bench.desk.state, 'statements', 'history'), { recursive: true, force: true });
}

const tagsIn = (lines: readonly string[]) =>
  lines.flatMap((line) => /_manifests\/tags\/[^/]+\/current/.exec(line)?.[0] ?? []);

afterAll(async () => {
  proxy.close();
  await bench.close();
});

type Kind = 'process killed' | 'registry killed' | 'request cut' | 'answer cut' | 'answer lost' | 'refused';

interface Cut {
  kind: Kind;
  /** Number of the request that it befalls. */
  at: number;
  /** Bytes that still pass. */
  bytes: number;
  status: number;
  /** How many requests in a row are refused. */
  times: number;
}

const cuts = (): fc.Arbitrary<Cut> =>
  fc.record({
    kind: fc.constantFrom<Kind[]>(
      'process killed',
      'process killed',
      'registry killed',
      'request cut',
      'answer cut',
      'answer lost',
      'refused',
    ),
    at: fc.integer({ min: 1, max: requests }),
    bytes: fc.nat(2000),
    status: fc.constantFrom(408, 429, 500, 503),
    times: fc.integer({ min: 1, max: 3 }),
  });

test(`cut ${rounds} times`, async () => {
  await fc.assert(fc.asyncProperty(cuts(), survives), {
    numRuns: rounds,
    endOnFailure: true,
    ...(process.env['MILLINER_SEED'] !== undefined && { seed: Number(process.env['MILLINER_SEED']) }),
  });
});

async function survives(cut: Cut): Promise<void> {
  await restore();
  const watch = watchTag();
  try {
    if (cut.kind === 'process killed') await isKilled(cut);
    else {
      proxy.script = scriptOf(cut);
      await bench.publish('young', reference);
    }
  } finally {
    proxy.script = () => undefined;
    watch.stop();
  }
  const seen = await watch.ended;
  expect([...seen]).toEqual([old, young]);
  const stored = await storedIn(bench.server.storage);
  expect(tagsIn(stored)).toEqual(tags);
  expect(steady.filter((line) => !stored.includes(line))).toEqual([]);
  expect(steady.length).toBeGreaterThan(tags.length);
}

/** In the middle of the publication, and published again. */
async function isKilled(cut: Cut): Promise<void> {
  const child = bench.start([...bench.publishing('young', reference), '--json']);
  proxy.script = scriptOf(cut, () => child.kill('SIGKILL'));
  const { signal } = await child;
  proxy.script = () => undefined;
  expect(signal).toBe('SIGKILL');
  await bench.publish('young', reference);
}

/** Counts from the first request after it was made. */
function scriptOf(
  cut: Cut,
  kill: () => unknown = () => undefined,
): (seen: Seen) => Promise<Fault | undefined> {
  let number = 0;
  return async () => {
    number++;
    const last = cut.kind === 'refused' ? cut.at + cut.times - 1 : cut.at;
    return number < cut.at || number > last ? undefined : befall(cut, kill);
  };
}

async function befall({ kind, bytes, status }: Cut, kill: () => unknown): Promise<Fault> {
  if (kind === 'refused') return { answer: status, headers: { 'retry-after': '1' } };
  if (kind === 'answer cut') return { cutAnswerAfter: bytes };
  if (kind === 'answer lost') return { loseAnswer: true };
  if (kind === 'request cut') return { cutRequestAfter: bytes };
  if (kind === 'registry killed') {
    await bench.server.kill();
    await bench.server.start();
    return { cutRequestAfter: 0 };
  }
  kill();
  // Half of them die of a request that has gone through.
  return bytes % 2 === 0 ? { cutRequestAfter: bytes } : { loseAnswer: true };
}

/** Asks the registry itself, all the time; the first sight of an image asks for its signature and verdict as well. */
function watchTag() {
  const stop = new AbortController();
  const seen = new Set<string>();
  const client = new RegistryClient({
    registry: bench.server.host,
    endpoint: plainEndpoint(bench.server.host),
  });
  const look = async () => {
    for (let last = false; !last;) {
      // Once more after the end: what is there then was seen.
      last = stop.signal.aborted;
      const digest = await digestOfTag();
      if (digest !== undefined && !seen.has(digest)) {
        seen.add(digest);
        if (isDigest(digest)) await requireSigned(client, digest);
      }
      await sleep(pause);
    }
    return seen;
  };
  const ended = look();
  // Thrown where it is waited for.
  ended.catch(() => {});
  return { stop: () => stop.abort(), ended };
}

/** Undefined while the registry is away. */
async function digestOfTag(): Promise<string | undefined> {
  const accept = 'application/vnd.oci.image.manifest.v1+json';
  try {
    const url = `${bench.server.url}/v2/${repository}/manifests/latest`;
    const response = await fetch(url, { headers: { accept }, method: 'HEAD' });
    if (response.status >= 500) return undefined;
    return response.headers.get('docker-content-digest') ?? `HTTP status ${response.status}`;
  } catch {
    return undefined;
  }
}

/** One legacy signature of this very reference, and a verdict that the key has signed: by node's own arithmetic. */
async function requireSigned(client: RegistryClient, image: Digest): Promise<void> {
  const key = createPublicKey(await readFile(bench.publicKey));
  const read = async (kind: string) => {
    const manifest = await client.getManifest(repository, `${tagOf(image)}.${kind}`);
    if (!manifest) throw new Error(`the tag names ${image}, which has no .${kind}`);
    const { layers } = JSON.parse(manifest.bytes.toString()) as { layers: Layer[] };
    return Promise.all(
      layers.map(async (layer) => ({
        layer,
        bytes: (await client.getBlob(repository, layer.digest, 1 << 24))!,
      })),
    );
  };
  const signed = (await read('sig')).map(({ layer, bytes }) => {
    const signature = Buffer.from(layer.annotations['dev.cosignproject.cosign/signature']!, 'base64');
    expect(verify('sha256', bytes, key, signature)).toBe(true);
    return (JSON.parse(bytes.toString()) as Payload).critical;
  });
  expect(signed).toMatchObject([
    { identity: { 'docker-reference': reference }, image: { 'docker-manifest-digest': image } },
  ]);
  const results = (await read('att')).flatMap(({ bytes }) => {
    const { payload } = JSON.parse(bytes.toString()) as { payload: string };
    const { predicate } = JSON.parse(Buffer.from(payload, 'base64').toString()) as Statement;
    return predicate.result ?? [];
  });
  expect(results).toEqual(['PASSED']);
}

interface Layer {
  digest: Digest;
  annotations: Record<string, string>;
}

interface Payload {
  critical: { identity: { 'docker-reference': string }; image: { 'docker-manifest-digest': string } };
}

interface Statement {
  predicate: { result?: string };
}
