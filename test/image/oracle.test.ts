/** Other implementations read the images: skopeo, buildah (containers/storage), umoci, and rpm itself. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Lock } from '../../src/lock/lock.ts';
import { buildDemo, copyRecipes, demoRecipes, runCli, type Built } from '../demo/recipes.ts';
import { isNormalised } from './normalised.ts';
import { installPlainly, type PlainInstall } from './plain.ts';
import { compareTrees } from './trees.ts';

// buildah makes an image name of the layout's path, which must be in lower case.
const work = join(tmpdir(), `milliner-oracle-${process.pid}`);
const state = join(work, 'state');
const layout = join(work, 'layout');
const storage = [
  '--root',
  join(work, 'storage'),
  '--runroot',
  join(work, 'run'),
  '--storage-driver',
  'overlay',
];
const dbPath = '/usr/lib/sysimage/rpm';

/** What a recipe adds beyond its packages; everything else must be rpm's own doing. */
const added: Record<string, RegExp> = {
  'demo-base': /^$/,
  'demo-everything': /^$/,
  'demo-mariadb':
    /^\/etc\/(?:my\.cnf\.d|mysql\/mariadb\.conf\.d)\/(?:50|99)-image\.cnf$|^\/etc\/systemd\/system\/.*mariadb\.service$/,
  'demo-product': /^\/etc\/demo-product\/server\.conf$|^\/etc\/systemd\/system\/.*demo-product\.service$/,
};

/** Every package of spec/demo at once: all that can go wrong between a header and a tree. */
const everything = {
  name: 'demo-everything',
  from: 'demo-base',
  repos: ['demo'],
  docs: false,
  packages: [
    'demo-c++',
    'demo-devices',
    'demo-empty',
    'demo-files',
    'demo-files-big',
    'demo-predecessor',
    'demo-product-server',
    'demo-scriptlets',
    'demo-scriptlets-drop',
    'demo-shared-a',
    'demo-shared-b',
    'openssl',
  ],
  layers: { compression: 'gzip' },
};
const images = [...demoRecipes, everything.name];

const built = new Map<string, Built>();
const plain: PlainInstall[] = [];
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
  writeFileSync(join(recipes, 'demo-everything.yaml'), JSON.stringify(everything));
  for (const recipe of images) built.set(recipe, buildDemo(join(recipes, `${recipe}.yaml`), state, layout));
});
afterAll(() => {
  run('buildah', ...storage, 'rm', '--all');
  for (const one of plain) one.remove();
  rmSync(work, { recursive: true, force: true });
});

/** Unpacked by containers/storage, which refuses what umoci lets pass. */
function unpack(recipe: string): string {
  const there = unpacked.get(recipe);
  if (there !== undefined) return there;
  const container = run('buildah', ...storage, 'from', '--pull', `oci:${layout}:${recipe}`).trim();
  const root = run('buildah', ...storage, 'mount', container).trim();
  unpacked.set(recipe, root);
  return root;
}

describe.each(images)('%s', (recipe) => {
  test('skopeo reads it and copies it to a directory', () => {
    const seen = JSON.parse(run('skopeo', 'inspect', `oci:${layout}:${recipe}`)) as {
      Digest: string;
      Layers: string[];
    };
    expect(seen.Digest).toBe(built.get(recipe)!.manifestDigest);
    expect(seen.Layers).toEqual(built.get(recipe)!.layers.map(({ digest }) => digest));
    const directory = join(work, `dir-${recipe}`);
    run('skopeo', 'copy', `oci:${layout}:${recipe}`, `dir:${directory}`);
    const blobs = readdirSync(directory);
    for (const layer of seen.Layers) expect(blobs).toContain(layer.replace('sha256:', ''));
  });

  test('it has the packages of its lock, and rpm -Va has nothing to say that inspect does not explain', () => {
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
    const explained = explainedPaths(recipe);
    const lines = verify(root);
    expect(lines.filter((line) => !explained.has(line.replace(/^\S+\s+(?:[cdglra]\s+)?/, '')))).toEqual([]);
  });

  test('its tree is what rpm leaves in a plain directory', async () => {
    const root = unpack(recipe);
    const names = demoRecipes.slice(0, 1).concat(recipe === 'demo-base' ? [] : [recipe]);
    const install = installPlainly(work, state, names.map(lockedPackages), dbPath);
    plain.push(install);
    const isExpected = (path: string) => isNormalised(path) || names.some((name) => added[name]!.test(path));
    expect(await compareTrees(root, install.target, isExpected)).toEqual([]);
  });
});

function explainedPaths(recipe: string): Set<string> {
  const chain = recipe === 'demo-base' ? [recipe] : ['demo-base', recipe];
  return new Set(
    chain.flatMap((name) => {
      const record = JSON.parse(runCli(['inspect', name, '--state', state, '--json'])) as {
        report: { verification: { path: string }[]; normalised: { path: string }[] };
      };
      return [...record.report.verification, ...record.report.normalised].map(({ path }) => path);
    }),
  );
}

function verify(root: string): string[] {
  try {
    run('rpm', '--root', root, '--dbpath', dbPath, '-Va', '--nodeps', '--noscripts');
    return [];
  } catch (error) {
    return (error as { stdout: Buffer }).stdout.toString().trim().split('\n');
  }
}
