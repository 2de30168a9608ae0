/** Other implementations read the images: skopeo, buildah (containers/storage), umoci, Debian 13's podman, and rpm itself. */
import { execFileSync } from 'node:child_process';
import { lstatSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Lock } from '../../../src/stages/lock/lock-file.ts';
import { buildDemo, copyRecipes, demoRecipes, runCli, type Built } from '../../helpers/demo-recipes.ts';
import { ClientStorage } from '../../helpers/podman-storage.ts';
import { RegistryServer } from '../../helpers/registry/registry-server.ts';
import { added, chunked, everything } from './everything.ts';
import { isNormalised } from '../../helpers/trees/normalized-paths.ts';
import { installPlainly, type PlainInstall } from '../../helpers/trees/plain-install.ts';
import { compareTrees } from '../../helpers/trees/compare-trees.ts';
import { linesWithoutLists, rpmLines } from '../../helpers/trees/verify-lines.ts';
import type { Difference } from '../../../src/stages/layer/verify/verify-tree.ts';
import { shareOfDay } from '../../helpers/soak.ts';

// buildah makes an image name of the layout's path, which must be in lower case.
const work = join(tmpdir(), `milliner-oracle-${process.pid}`);
const state = join(work, 'state');
const layout = join(work, 'layout');
/** What has been a directory in between. */
const copied = join(work, 'copied');
const storage = [
  '--root',
  join(work, 'storage'),
  '--runroot',
  join(work, 'run'),
  '--storage-driver',
  'overlay',
];
const dbPath = '/usr/lib/sysimage/rpm';

const [base, ...products] = demoRecipes;
const images = [base!, ...shareOfDay(products, 2), everything.name];

const built = new Map<string, Built>();
/** By recipe; what stands on the base begins with a copy of the base's. */
const plain = new Map<string, PlainInstall>();
const unpacked = new Map<string, string>();
const run = (program: string, ...args: string[]) =>
  execFileSync(program, args, { maxBuffer: 1 << 28 }).toString();
const lockedPackages = (recipe: string) =>
  (JSON.parse(readFileSync(join(work, 'recipes', `${recipe}.lock.json`), 'utf8')) as Lock).arches[
    process.arch === 'arm64' ? 'aarch64' : 'x86_64'
  ]!;

beforeAll(() => {
  mkdirSync(work);
  const recipes = copyRecipes(work);
  for (const one of [everything, chunked])
    writeFileSync(join(recipes, `${one.name}.yaml`), JSON.stringify(one));
  for (const recipe of [...images, chunked.name])
    built.set(recipe, buildDemo(join(recipes, `${recipe}.yaml`), state, layout));
  for (const recipe of images) {
    const onto = plain.get('demo-base')?.target;
    const options = onto === undefined ? {} : { onto };
    plain.set(recipe, installPlainly(work, state, lockedPackages(recipe), dbPath, options));
  }
});
afterAll(() => {
  run('buildah', ...storage, 'rm', '--all');
  for (const one of plain.values()) one.remove();
  rmSync(work, { recursive: true, force: true });
});

/** What differs from what rpm leaves, but for what is documented and what the recipe adds. */
async function differences(root: string, recipe: string): Promise<string[]> {
  const names = new Set(['demo-base', recipe]);
  const isExpected = (path: string) =>
    isNormalised(path) || [...names].some((name) => added[name]!.test(path));
  return compareTrees(root, plain.get(recipe)!.target, isExpected);
}

/** Unpacked by containers/storage, which refuses what umoci lets pass. */
function unpack(recipe: string): string {
  const there = unpacked.get(recipe);
  if (there !== undefined) return there;
  const container = run('buildah', ...storage, 'from', '--pull', `oci:${copied}:${recipe}`).trim();
  const root = run('buildah', ...storage, 'mount', container).trim();
  unpacked.set(recipe, root);
  return root;
}

describe.each(images)('%s', (recipe) => {
  test('skopeo reads it, and copies it to a directory and back as it is', () => {
    const seen = JSON.parse(run('skopeo', 'inspect', `oci:${layout}:${recipe}`)) as {
      Digest: string;
      Layers: string[];
    };
    expect(seen.Digest).toBe(built.get(recipe)!.manifestDigest);
    expect(seen.Layers).toEqual(built.get(recipe)!.layers.map(({ digest }) => digest));
    const directory = join(work, `dir-${recipe}`);
    run('skopeo', 'copy', `oci:${layout}:${recipe}`, `dir:${directory}`);
    run('skopeo', 'copy', `dir:${directory}`, `oci:${copied}:${recipe}`);
    rmSync(directory, { recursive: true });
    const digest = run('skopeo', 'inspect', '--format', '{{.Digest}}', `oci:${copied}:${recipe}`);
    expect(digest.trim()).toBe(seen.Digest);
  });

  test('it has the packages of its lock, and rpm -Va says of it what inspect explains', async () => {
    const root = unpack(recipe);
    const query = run('rpm', '--root', root, '--dbpath', dbPath, '-qa', '--qf', '%{NEVRA}\\n')
      .trim()
      // An epoch of 0 is none; rpm shows it where the spec file says so.
      .replaceAll(/-0:(?=[^-\n]+-[^-\n]+$)/gm, '-')
      .split('\n');
    expect(query.toSorted()).toEqual(
      lockedPackages(recipe)
        .packages.map(({ nevra }) => nevra)
        .toSorted(),
    );
    expect(await linesWithoutLists(root, verificationOf(recipe))).toEqual(rpmLines(root, dbPath));
  });

  test('its tree is what rpm leaves in a plain directory', async () => {
    expect(await differences(unpack(recipe), recipe)).toEqual([]);
  });
});

test('umoci shows the same of gzip', async () => {
  // It knows nothing of zstd: the base's layers are compressed anew, those of the image itself are as they were.
  const gzip = `${join(work, 'gzip')}:${everything.name}`;
  const how = ['--dest-compress-format', 'gzip', '--dest-compress-level', '1'];
  run('skopeo', 'copy', ...how, `oci:${layout}:${everything.name}`, `oci:${gzip}`);
  const { Layers: digests } = JSON.parse(run('skopeo', 'inspect', `oci:${gzip}`)) as { Layers: string[] };
  const own = built.get(everything.name)!.layers.slice(built.get('demo-base')!.layers.length);
  expect(digests.slice(-own.length)).toEqual(own.map(({ digest }) => digest));
  run('umoci', 'unpack', '--image', gzip, join(work, 'bundle'));
  expect(await differences(join(work, 'bundle', 'rootfs'), everything.name)).toEqual([]);
});

test("Debian 13's podman shows the same of zstd:chunked", async () => {
  const registry = await RegistryServer.start({ directory: join(work, 'registry') });
  try {
    const reference = `${registry.host}/${chunked.name}:1`;
    const source = `oci:${layout}:${chunked.name}`;
    run('skopeo', 'copy', '-q', '--dest-tls-verify=false', source, `docker://${reference}`);
    const client = new ClientStorage(join(work, 'client'));
    await client.pull(reference, chunked.name);
    const root = join(work, 'pulled');
    await client.unpack(chunked.name, root);
    // It makes links anew and leaves them the time of that.
    const isTimeOfLink = (line: string) => {
      const [path, rest = ''] = line.split(': ', 2);
      return rest.startsWith('mtime ') && lstatSync(join(root, path!)).isSymbolicLink();
    };
    expect((await differences(root, everything.name)).filter((line) => !isTimeOfLink(line))).toEqual([]);
  } finally {
    await registry.close();
  }
});

function verificationOf(recipe: string): Difference[] {
  const record = JSON.parse(runCli(['inspect', recipe, '--state', state, '--json'])) as {
    report: { verification: Difference[] };
  };
  return record.report.verification;
}
