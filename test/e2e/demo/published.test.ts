/**
 * The demo images as strangers find them in a registry: Debian 13's skopeo, podman and cosign take them under the key
 * and the policy that we wrote, refuse what was changed, and podman runs them.
 */
import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Lock } from '../../../src/stages/lock/lock-file.ts';
import { readPublicKey } from '../../../src/stages/sign/public-key.ts';
import { demoRecipes, runCli } from '../../helpers/demo-recipes.ts';
import { PodmanHost } from './podman.ts';
import { damages } from './damage.ts';
import {
  cyclonedxFaults,
  cyclonedxFiles,
  cyclonedxRpms,
  installedRpms,
  isRpm,
  purlOf,
  spdxFaults,
  spdxFiles,
  spdxRpms,
  sumsBelow,
  type CycloneDx,
  type Spdx,
} from '../../helpers/sbom-readers.ts';
import { shareOfDay, soak } from '../../helpers/soak.ts';
import { refusedAs, Stall, taken } from './stall.ts';

const architecture = process.arch === 'arm64' ? 'aarch64' : 'x86_64';

/** One of them a day: what clients do with an image takes them minutes. */
const looked = shareOfDay(demoRecipes, demoRecipes.length);
const pairs = [
  ['demo-base', 'demo-mariadb'],
  ['demo-mariadb', 'demo-product'],
] as const;
const swapped = soak ? pairs : [pairs.find((pair) => pair.some((name) => looked.includes(name)))!];
const needed = new Set([...looked, ...swapped.flat()]);

let stall: Stall;
let podman: PodmanHost;

beforeAll(async () => {
  stall = await Stall.open(demoRecipes.filter((name) => needed.has(name)));
  podman = await PodmanHost.open(stall.shelf);
});
afterAll(async () => {
  await podman.close();
  await stall.shelf.close();
});

const judged = (name: string) => stall.judged(stall.image(name).reference);

/** What the recipe is ready with, and a question that only this image answers. */
const inside: Record<string, { ready: string; ask: string[]; answer: string }> = {
  'demo-base': {
    ready: 'multi-user.target',
    ask: ['rpm', '-q', '--qf', '%{NAME}', 'systemd'],
    answer: 'systemd',
  },
  'demo-mariadb': {
    ready: 'mariadb.service',
    ask: ['mariadb', '--batch', '--skip-column-names', '--execute', 'select 6 * 7'],
    answer: '42',
  },
  'demo-product': {
    ready: 'demo-product.service',
    ask: [
      'bash',
      '-c',
      String.raw`until exec 3<>/dev/tcp/localhost/8080; do sleep 0.1; done; printf 'GET / HTTP/1.0\r\n\r\n' >&3; tail -n 1 <&3`,
    ],
    answer: 'Hello from an image',
  },
};

describe.each(looked)('%s', (name) => {
  test('is taken by all of them, by its tags and by its digest', async () => {
    const { repository, tags, manifestDigest } = stall.image(name);
    const digest = `${repository}@${manifestDigest}`;
    for (const reference of [...tags.map((tag) => `${repository}:${tag}`), digest]) {
      await podman.pull(reference);
      expect(await stall.shelf.accepted.skopeo(reference)).toBe(true);
      expect(taken).toMatchObject(await stall.checked(reference));
    }
  });

  test('is proved whole by verify', () => {
    const { reference, manifestDigest } = stall.image(name);
    const key = stall.shelf.path('release.pub');
    const answer = JSON.parse(runCli(['verify', reference, '--key', key, '--json'])) as {
      proved: { claim: string; layout: string }[];
    };
    expect(answer).toMatchObject({ reference, manifestDigest });
    const claims = ['signature', 'sbom', 'verdict'];
    expect(answer.proved.map(({ layout, claim }) => `${layout} ${claim}`)).toEqual([
      ...claims.map((claim) => `sig ${claim}`),
      ...claims.map((claim) => `bundle ${claim}`),
      'any tag',
    ]);
  });

  test('is refused by all with another key', async () => {
    expect(await stall.judged(stall.image(name).reference, 'other')).toEqual(refusedAs(14));
  });

  test('has the bills of materials that cosign finds: valid, of just its packages and files, with the checksums of the lock', async () => {
    const { reference, lock } = stall.image(name);
    const [spdx, cyclonedx] = [
      (await stall.attested(reference, 'spdxjson')).predicate as Spdx,
      (await stall.attested(reference, 'cyclonedx')).predicate as CycloneDx,
    ];
    expect(await spdxFaults(spdx)).toEqual([]);
    expect(await cyclonedxFaults(cyclonedx)).toBe(null);
    const root = await podman.tree(reference);
    // Before rpm has looked at it, which leaves a lock in it.
    const unpacked = await sumsBelow(root);
    for (const files of [spdxFiles(spdx), cyclonedxFiles(cyclonedx)]) {
      expect(new Map([...files].map(([path, { sha1, sha256 }]) => [path, { sha1, sha256 }]))).toEqual(
        unpacked,
      );
    }
    const installed = await installedRpms(root);
    expect(spdxRpms(spdx)).toEqual(installed);
    expect(cyclonedxRpms(cyclonedx)).toEqual(installed);
    const locked = (JSON.parse(await readFile(lock, 'utf8')) as Lock).arches[architecture]!.packages;
    expect(checksumsOf(spdx)).toEqual(new Map(locked.map(({ nevra, sha256 }) => [nevra, sha256])));
  });

  // One or two of them a day, and at another image after a week.
  test.each(shareOfDay(damages, 7))(
    'is refused where a byte of $what changed on the disk of the registry',
    async (damage) => {
      const image = stall.image(name);
      const { at, change, refused } = damage;
      await stall.damaged(at(await stall.hanging(image), image), change, async () => {
        const expected = { ...taken, ...refused };
        // To pull it, where that works, takes long; it was done.
        const found = expected.podman ? await stall.checked(image.reference) : await judged(name);
        expect(expected).toMatchObject(found);
      });
    },
  );

  test('comes up under podman, works, and stops when it is asked to', async () => {
    const { ready, ask, answer } = inside[name]!;
    await podman.run(name, stall.image(name).reference);
    expect(await podman.settled(name, ready)).toBe('active');
    expect(await podman.podman('exec', name, ...ask)).toBe(answer);
    expect(
      await podman.podman('exec', name, 'systemctl', 'list-units', '--failed', '--plain', '--no-legend'),
    ).toBe('');
    expect(await podman.stop(name)).toBe('0');
  });
});

test.each(swapped)('%s and %s are refused with the signatures of each other', async (one, other) => {
  const swap = () => stall.swap(stall.image(one), stall.image(other));
  await swap();
  for (const name of [one, other]) expect(await judged(name)).toEqual(refusedAs(15));
  await swap();
  for (const name of [one, other])
    expect(taken).toMatchObject(await stall.checked(stall.image(name).reference));
});

test('cosign reads the private key that signed them', async () => {
  const { stdout } = await stall.shelf.cosign(['public-key', '--key', stall.shelf.path('release.key')]);
  expect(readPublicKey(stdout).pem).toBe(await readFile(stall.shelf.path('release.pub'), 'utf8'));
});

/** SHA-256 of package files by NEVRA. */
function checksumsOf({ packages }: Spdx): Map<string, string | undefined> {
  const rpms = packages.filter((one) => isRpm(purlOf(one)));
  return new Map(
    rpms.map((one) => {
      const arch = /\?arch=([^&]+)/.exec(purlOf(one)!)?.[1];
      const sha256 = one.checksums?.find(({ algorithm }) => algorithm === 'SHA256')?.checksumValue;
      return [`${one.name}-${one.versionInfo}.${arch}`, sha256];
    }),
  );
}
