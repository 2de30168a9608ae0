/** The demo's recipes and the repository that they take their packages from. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cache, checkout } from '../../spec/places.ts';

export { cache, checkout };
/** Bases first. */
export const demoRecipes = ['demo-base', 'demo-mariadb', 'demo-product'];

const lockOf = (recipe: string): string => join(checkout, 'recipes', `${recipe}.lock.json`);

/** A lock answers one recipe and one state of a repository, for one format of images: nothing else is a reason to lock again. */
export function lockDemo(state: string): void {
  const recipes = demoRecipes.map((recipe) => join(checkout, 'recipes', `${recipe}.yaml`));
  const hash = createHash('sha256');
  const versions = join(checkout, 'src/stages/image/tool-versions.ts');
  for (const path of [join(cache, 'repository/packages/repodata/repomd.xml'), versions, ...recipes]) {
    hash.update(readFileSync(path));
  }
  const digest = hash.digest('hex');
  const stamp = join(cache, 'demo-locked');
  const isCurrent = existsSync(stamp) && readFileSync(stamp, 'utf8') === digest;
  if (isCurrent && demoRecipes.every((recipe) => existsSync(lockOf(recipe)))) return;
  for (const recipe of demoRecipes) runCli(['lock', recipe, '--state', state]);
  writeFileSync(stamp, digest);
}

/** The recipes with their templates, in a place where a test may lock them for itself. Gives the directory. */
export function copyRecipes(place: string): string {
  const recipes = join(place, 'recipes');
  for (const folder of ['recipes', 'templates']) {
    cpSync(join(checkout, folder), join(place, folder), {
      recursive: true,
      filter: (path) => !path.endsWith('.lock.json'),
    });
  }
  const repository = join(cache, 'repository');
  const demo = {
    name: 'demo',
    baseurl: join(repository, 'packages'),
    keys: [join(repository, 'keys/RPM-GPG-KEY-milliner-demo')],
  };
  writeFileSync(join(recipes, 'repos.yaml'), JSON.stringify({ repos: [demo] }));
  return recipes;
}

export interface CliOptions {
  /** Program and arguments to put in front, such as unshare. */
  wrap?: string[];
  env?: Record<string, string>;
}

/** Runs the built CLI as a user would; throws with what it said where it fails. */
export function runCli(args: string[], { wrap = [], env = {} }: CliOptions = {}): string {
  const [program, ...rest] = [...wrap, process.execPath, join(checkout, 'dist/cli.js'), ...args] as [
    string,
    ...string[],
  ];
  const { status, stdout, stderr } = spawnSync(program, rest, {
    cwd: checkout,
    env: { ...process.env, ...env },
    maxBuffer: 1 << 28,
  });
  if (status === 0) return stdout.toString();
  throw new Error(`milliner ${args.join(' ')} exited ${status}:\n${stdout.toString()}${stderr.toString()}`);
}

export interface Built {
  name: string;
  manifestDigest: string;
  configDigest: string;
  layers: { digest: string; diffID: string; size: number; mediaType: string }[];
  packages: number;
  lockDigest: string;
  seconds: number;
}

export function buildDemo(recipe: string, state: string, output?: string, options?: CliOptions): Built {
  const where = output === undefined ? [] : ['--output', output];
  return JSON.parse(runCli(['build', recipe, '--state', state, '--json', ...where], options)) as Built;
}
