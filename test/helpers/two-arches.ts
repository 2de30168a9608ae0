/** Recipes for two architectures that one host runs, each with a package of its own beside tiny-base. */
import { copyFile, mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileType } from '../../src/lib/rpm/file-list.ts';
import type { BuildAnswer, Desk } from './milliner.ts';
import { composePackage } from './rpm/compose.ts';
import type { Scriptlet } from './rpm/scriptlet-entries.ts';
import { tinyPackages } from './tiny/tiny.ts';

export const twoArches = ['x86_64', 'x86_64_v2'] as const;
export type TwoArches = (typeof twoArches)[number];

export interface OwnScript {
  /** What its instance runs: a script of sh. */
  script?: string;
  scriptlets?: readonly Scriptlet[];
}

/** Its instance runs the script of its architecture to the end. */
const runsItsScript = {
  config: { cmd: ['/usr/bin/sh', '/usr/share/own'] },
  test: { init: false, ready: { exit: 0 }, settle: '0s' },
};

/** Writes a recipe; the packages of one architecture can be other ones than those of the other. */
export async function recipeOfTwo(
  desk: Desk,
  name: string,
  own: Partial<Record<TwoArches, OwnScript>> = {},
  fields: Record<string, unknown> = {},
): Promise<string> {
  const place = desk.path(`two-${name}`);
  for (const arch of twoArches) await writeOwn(place, name, arch, own[arch] ?? {});
  const base = await readdir((await tinyPackages()).packages);
  const file = base.find((one) => one.startsWith('tiny-base-'))!;
  for (const arch of twoArches)
    await copyFile(join((await tinyPackages()).packages, file), join(place, arch, file));
  return desk.recipe(name, {
    arches: [...twoArches],
    repos: [{ name: 'two', baseurl: `${place}/$basearch`, gpgcheck: false }],
    packages: ['tiny-base', 'own'],
    ...runsItsScript,
    ...fields,
  });
}

/** Writes the package of one architecture, in the place of the one that is there. */
export async function writeOwn(
  place: string,
  content: string,
  arch: TwoArches,
  { script = 'exit 0\n', scriptlets = [] }: OwnScript,
): Promise<void> {
  const file = {
    path: '/usr/share/own',
    mode: fileType.regular | 0o644,
    user: 'root',
    group: 'root',
    content: `# ${content}\n${script}`,
    mtime: 1,
    flags: 0,
    capabilities: '',
  };
  const nothing = { requires: ['tiny-base'], obsoletes: [], epoch: 1_704_067_200 };
  const bytes = composePackage({ name: 'own', version: '1', arch, files: [file], scriptlets, ...nothing });
  await mkdir(join(place, arch), { recursive: true });
  await writeFile(join(place, arch, `own-1-1.${arch}.rpm`), bytes);
}

/** By architecture. */
export async function buildTwo(desk: Desk, recipe: string): Promise<Record<TwoArches, BuildAnswer>> {
  const built = {} as Record<TwoArches, BuildAnswer>;
  for (const arch of twoArches) built[arch] = await desk.build(recipe, '--arch', arch);
  return built;
}
