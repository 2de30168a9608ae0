/** Repositories of small signed images on a registry of their own, for the tests of retention. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import { silent, type Progress } from '../../src/lib/host/progress.ts';
import { type Descriptor } from '../../src/lib/oci/descriptor.ts';
import { tagOf, type Digest } from '../../src/lib/oci/digest.ts';
import { RegistryClient } from '../../src/lib/registry/client.ts';
import { parseRule } from '../../src/lib/registry/retention-rule.ts';
import { appendMove } from '../../src/pipeline/publish/append-move.ts';
import type { RetentionPlan } from '../../src/pipeline/publish/plan-retention.ts';
import { applyRetention, type RetentionOptions } from '../../src/pipeline/publish/retention.ts';
import { readHistory } from '../../src/pipeline/trust/tag-history.ts';
import { verifyReference } from '../../src/pipeline/trust/verify-image.ts';
import { generateKeyPair, readPrivateKey, type SigningKey } from '../../src/stages/sign/key.ts';
import type { TagMove } from '../../src/stages/sign/tag-move.ts';
import { plainEndpoint } from './registry/plain-endpoint.ts';
import { RegistryServer } from './registry/registry-server.ts';
import { publishAt, pushImage, type Simulated } from './registry/simulated-images.ts';

const day = 86_400_000;

/** For a test file: opens before its tests and closes after them. */
export function useRetention() {
  let directory: string;
  let server: RegistryServer;
  let key: SigningKey;
  let stranger: SigningKey;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'milliner-retention-'));
    await mkdir(join(directory, 'state', 'locks'), { recursive: true });
    server = await RegistryServer.start();
    const { privatePem, publicPem } = await generateKeyPair('x');
    await writeFile(join(directory, 'release.pub'), publicPem);
    key = await readPrivateKey(privatePem, 'x');
    stranger = await readPrivateKey((await generateKeyPair('x')).privatePem, 'x');
  });
  afterAll(async () => {
    await server.close();
    await rm(directory, { recursive: true });
  });

  const now = Date.now();

  function placeAt(repository: string, host = server.host): Simulated {
    const client = new RegistryClient({ registry: host, endpoint: plainEndpoint(host) });
    return { client, name: `${host}/${repository}`, repository, key };
  }

  const run = () => ({ state: join(directory, 'state'), progress: silent });

  function retain(
    places: readonly Simulated[],
    rules: string[],
    more: Partial<RetentionOptions> = {},
    progress: Progress = silent,
  ) {
    const options = {
      repositories: places.map(({ name }) => name),
      rules: rules.map(parseRule),
      key: join(directory, 'release.pub'),
      plainHttp: false,
      now,
    };
    return applyRetention({ ...options, ...more }, { ...run(), progress });
  }

  const isThere = async ({ client, repository }: Simulated, reference: string) =>
    (await client.getManifest(repository, reference)) !== undefined;

  const imageTags = async ({ client, repository }: Simulated) =>
    ((await client.listTags(repository)) ?? []).filter((tag) => !tag.startsWith('sha256-'));

  const attachmentTags = async ({ client, repository }: Simulated, digest: Digest) =>
    ((await client.listTags(repository)) ?? []).filter((tag) => tag.startsWith(tagOf(digest)));

  async function verifies(place: Simulated, tag: string): Promise<void> {
    const options = {
      reference: `${place.name}:${tag}`,
      key: join(directory, 'release.pub'),
      plainHttp: false,
    };
    await verifyReference(options, { progress: silent });
  }

  /** Images of one day each, the newest first: tag `d1` is a day old. */
  async function nights(place: Simulated, ages: readonly number[]): Promise<Digest[]> {
    const digests: Digest[] = [];
    for (const age of ages) {
      const image = await pushImage(place, `${place.repository} ${age}`);
      await publishAt(place, image, { tags: [`d${age}`], time: now - age * day });
      digests.push(image.digest);
    }
    return digests;
  }

  const reasons = ([plan]: readonly RetentionPlan[]) =>
    Object.fromEntries(plan!.tags.map(({ tag, reason }) => [tag, reason]));

  /** Moves the tag with a record, as `publish` and `rollback` do. */
  async function moveAt(
    place: Simulated,
    image: Descriptor,
    tag: string,
    { reason, age }: { reason: TagMove['reason']; age: number },
  ): Promise<void> {
    const options = { state: run().state, warn: () => {} };
    await appendMove(historyPlace(place, tag), key, options, () => ({ to: image.digest, reason }));
    await publishAt(place, image, { tags: [tag], time: now - age * day });
  }

  const historyPlace = ({ client, name, repository }: Simulated, tag: string) => ({
    client,
    repository,
    tag,
    reference: `${name}:${tag}`,
  });

  const historyOf = (place: Simulated, tag: string) =>
    readHistory(historyPlace(place, tag), { key: key.public, state: run().state, warn: () => {} });

  return {
    placeAt,
    run,
    retain,
    isThere,
    imageTags,
    attachmentTags,
    verifies,
    nights,
    reasons,
    moveAt,
    historyPlace,
    historyOf,
    now,
    get server() {
      return server;
    },
    get directory() {
      return directory;
    },
    get key() {
      return key;
    },
    get stranger() {
      return stranger;
    },
  };
}
