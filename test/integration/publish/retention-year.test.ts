/**
 * A year of nights for ten images: what is kept is what the words of the rules say, everything kept verifies and can be
 * pulled, and nothing of the rest is left. CI runs a night in 45, the soak each.
 */
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { run } from '../../../src/lib/host/exec.ts';
import { silent } from '../../../src/lib/host/progress.ts';
import type { Descriptor } from '../../../src/lib/oci/descriptor.ts';
import { isDigest, type Digest } from '../../../src/lib/oci/digest.ts';
import { RegistryClient } from '../../../src/lib/registry/client.ts';
import { parseRule } from '../../../src/lib/registry/retention-rule.ts';
import { appendMove } from '../../../src/pipeline/publish/append-move.ts';
import { applyRetention } from '../../../src/pipeline/publish/retention.ts';
import { verifyReference } from '../../../src/pipeline/trust/verify-image.ts';
import { generateKeyPair, readPrivateKey, type SigningKey } from '../../../src/stages/sign/key.ts';
import { generator } from '../../helpers/random.ts';
import { plainEndpoint } from '../../helpers/registry/plain-endpoint.ts';
import { RegistryServer } from '../../helpers/registry/registry-server.ts';
import {
  publishAt,
  publishIndexAt,
  pushImage,
  pushIndex,
  type Simulated,
} from '../../helpers/registry/simulated-images.ts';
import { soak, today } from '../../helpers/soak.ts';

const day = 86_400_000;
const step = soak ? 1 : 45;
const nights = Array.from({ length: Math.floor(365 / step) }, (_, index) => (index + 1) * step);
/** The year ends now, so that what is kept is held against the real clock. */
const begin = Date.now() - 366 * day;
const timeOf = (night: number) => begin + night * day;
const rules = ['43.*,keep=5,age=30d', '43.*0,keep=6', 'pr-*,age=8w'];

let directory: string;
let key: SigningKey;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'milliner-year-'));
  await mkdir(join(directory, 'state', 'locks'), { recursive: true });
  const { privatePem, publicPem } = await generateKeyPair('x');
  await writeFile(join(directory, 'release.pub'), publicPem);
  key = await readPrivateKey(privatePem, 'x');
});
afterAll(() => rm(directory, { recursive: true }));

interface Night {
  night: number;
  digest: Digest;
  /** Images of an index. */
  children: Descriptor[];
  tags: string[];
}

/** All that an image's tags ever named, oldest first. */
type Past = Night[];

function placesOn({ host }: RegistryServer): Simulated[] {
  const client = new RegistryClient({ registry: host, endpoint: plainEndpoint(host) });
  return Array.from({ length: 10 }, (_, index) => `night/image-${index}`).map((repository) => ({
    client,
    name: `${host}/${repository}`,
    repository,
    key,
  }));
}

const apply = (places: readonly Simulated[], night: number) =>
  applyRetention(
    {
      repositories: places.map(({ name }) => name),
      rules: rules.map(parseRule),
      key: join(directory, 'release.pub'),
      plainHttp: false,
      now: timeOf(night),
    },
    { state: join(directory, 'state'), progress: silent },
  );

/** Every other image is an index of two; the moves of every third tag `latest` are recorded, as `publish` does it. */
const hasIndex = ({ repository }: Simulated) => Number(repository.at(-1)) % 2 === 1;
const hasHistory = ({ repository }: Simulated) => Number(repository.at(-1)) % 3 !== 0;

/** In most nights an image has changed; now and then it has another tag, or is the one before under another tag. */
async function publishNight(
  place: Simulated,
  past: Past,
  night: number,
  chance: () => number,
): Promise<void> {
  if (chance() < 2) return;
  const isSame = chance() === 9 && past.length > 0;
  const { image, children } = isSame
    ? { image: await describe(place, past.at(-1)!.digest), children: past.at(-1)!.children }
    : await pushNight(place, `${place.repository} ${night}`);
  const tags = [`43.${String(night).padStart(3, '0')}`, 'latest', ...(chance() === 5 ? [`pr-${night}`] : [])];
  const layouts = night % 3 === 0 ? (['sig'] as const) : undefined;
  const publication = { tags, time: timeOf(night), ...(layouts && { layouts }) };
  if (hasHistory(place)) await record(place, image.digest);
  if (children.length > 0) await publishIndexAt(place, image, children, publication);
  else await publishAt(place, image, publication);
  past.push({ night, digest: image.digest, children, tags });
}

async function pushNight(
  place: Simulated,
  content: string,
): Promise<{ image: Descriptor; children: Descriptor[] }> {
  if (!hasIndex(place)) return { image: await pushImage(place, content), children: [] };
  const children = [await pushImage(place, content), await pushImage(place, content, 'arm64')] as const;
  return { image: await pushIndex(place, children), children: [...children] };
}

async function record({ client, name, repository }: Simulated, to: Digest): Promise<void> {
  const of = { client, repository, tag: 'latest', reference: `${name}:latest` };
  const options = { state: join(directory, 'state'), warn: () => {} };
  await appendMove(of, key, options, (latest) =>
    latest?.to === to ? undefined : { to, reason: 'published' as const },
  );
}

async function describe({ client, repository }: Simulated, digest: Digest) {
  const { bytes, mediaType } = (await client.getManifest(repository, digest))!;
  return { mediaType, digest, size: bytes.length };
}

/** From the words of the documentation, of all tags that there ever were. */
function keptByWords(past: Past, end: number): Set<string> {
  const dated = past.flatMap(({ night, digest, tags }) => tags.map((tag) => ({ tag, night, digest })));
  const newest = (form: RegExp, count: number) =>
    dated
      .filter(({ tag }) => form.test(tag))
      .toSorted((a, b) => b.night - a.night)
      .slice(0, count);
  const younger = (form: RegExp, days: number) =>
    dated.filter(({ tag, night }) => form.test(tag) && end - night < days);
  const byRule = [
    ...newest(/^43\./, 5),
    ...younger(/^43\./, 30),
    ...newest(/^43\..*0$/, 6),
    ...younger(/^pr-/, 56),
  ];
  const [last] = past.slice(-1);
  const former = past.findLast(({ digest }) => digest !== last!.digest);
  const digests = new Set([...byRule, last!, ...(former ? [former] : [])].map(({ digest }) => digest));
  return new Set(['latest', ...dated.filter(({ digest }) => digests.has(digest)).map(({ tag }) => tag)]);
}

test(
  'of a year of nights what the rules say is there, verifies and is pulled',
  { timeout: 3_600_000 },
  async () => {
    const server = await RegistryServer.start();
    try {
      const places = placesOn(server);
      const pasts: Past[] = places.map(() => []);
      const random = generator(today);
      for (const night of nights) {
        for (const [index, place] of places.entries()) {
          const past = pasts[index]!;
          // The first night makes the repository.
          await publishNight(place, past, night, () => (past.length === 0 ? 2 : random(10)));
        }
        if ((night / step) % (soak ? 7 : 3) === 0) await apply(places, night);
      }
      await apply(places, 366);
      for (const [index, place] of places.entries()) await holds(server, place, pasts[index]!);
    } finally {
      await server.close();
    }
  },
);

async function holds(server: RegistryServer, place: Simulated, past: Past): Promise<void> {
  const { client, repository, name } = place;
  const all = (await client.listTags(repository))!;
  const tags = all.filter((tag) => !tag.startsWith('sha256-'));
  expect(tags).toEqual([...keptByWords(past, 366)].toSorted());
  const wanted = new Set<string>();
  for (const tag of tags) {
    const options = { reference: `${name}:${tag}`, key: join(directory, 'release.pub'), plainHttp: false };
    const only = await verifiedLayout(options);
    expect(only).toBeDefined();
    const { digest } = (await client.getManifest(repository, tag))!;
    wanted.add(digest);
    for (const { digest: bundle } of await client.referrers(repository, digest)) wanted.add(bundle);
  }
  const pulled = soak ? tags : ['latest', tags[0]!];
  for (const tag of pulled) await pulls(`${name}:${tag}`);
  if (hasHistory(place)) expect(all.some((tag) => tag.endsWith('.history'))).toBe(true);
  for (const tag of all) wanted.add((await client.getManifest(repository, tag))!.digest);
  const stored = await revisionsIn(server, repository);
  const withChildren = ({ digest, children }: Night) => [digest, ...children.map((one) => one.digest)];
  const ofKept = new Set(past.filter(({ digest }) => wanted.has(digest)).flatMap(withChildren));
  const images = past.flatMap(withChildren).filter((digest) => stored.has(digest));
  expect(new Set(images)).toEqual(ofKept);
  // Attachments that a later publication of the same image has replaced have no tag, and stay.
  expect(wanted.difference(stored).size).toBe(0);
}

/** Some nights have signatures in one layout alone. */
async function verifiedLayout(options: { reference: string; key: string; plainHttp: boolean }) {
  for (const only of [undefined, 'sig'] as const) {
    try {
      await verifyReference({ ...options, only }, { progress: silent });
      return only ?? 'both';
    } catch {
      continue;
    }
  }
  return undefined;
}

async function pulls(reference: string): Promise<void> {
  const to = await mkdtemp(join(directory, 'pulled-'));
  await run('skopeo', [
    'copy',
    '--all',
    '--quiet',
    '--src-tls-verify=false',
    `docker://${reference}`,
    `dir:${to}`,
  ]);
}

/** The manifests that docker-registry has, from its own directory. */
async function revisionsIn({ storage }: RegistryServer, repository: string): Promise<Set<Digest>> {
  const root = join(storage, 'docker/registry/v2/repositories', repository, '_manifests/revisions/sha256');
  const names = (await readdir(root)).filter((hex) => existsSync(join(root, hex, 'link')));
  return new Set(names.map((hex) => `sha256:${hex}`).filter(isDigest));
}

test(
  'without DELETE a year is as long as it was, and the registry is named',
  { timeout: 600_000 },
  async () => {
    const server = await RegistryServer.start({ noDelete: true });
    try {
      const [place] = placesOn(server);
      const past: Past = [];
      const random = generator(today);
      for (const night of nights.slice(0, 12)) await publishNight(place!, past, night, () => 2 + random(3));
      await expect(apply([place!], 366)).rejects.toMatchObject({
        code: 'DELETE_UNSUPPORTED',
        details: { registry: server.host },
      });
      const tags = (await place!.client.listTags(place!.repository))!.filter(
        (tag) => !tag.startsWith('sha256-'),
      );
      expect(tags).toEqual([...new Set(past.flatMap((one) => one.tags))].toSorted());
      for (const tag of tags) {
        const reference = `${place!.name}:${tag}`;
        expect(
          await verifiedLayout({ reference, key: join(directory, 'release.pub'), plainHttp: false }),
        ).toBeDefined();
      }
    } finally {
      await server.close();
    }
  },
);
