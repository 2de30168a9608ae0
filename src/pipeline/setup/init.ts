/** For `init`: writes a first recipe and its repositories, copied from those for Fedora in recipes/, and a release set. */
import { existsSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isMap, isSeq, parseDocument } from 'yaml';
import { MillinerError } from '../../lib/errors/error.ts';
import { writeFileAtomic } from '../../lib/host/atomic-file.ts';
import { recipeSchema } from '../../stages/recipe/schema.ts';

export interface InitOptions {
  directory: string;
  name: string;
  /** Release of the distribution; default: that of the copied recipe. */
  release?: string | undefined;
  /** Whether to write a release set with the recipe in it. */
  withSet?: boolean | undefined;
}

/** The recipes shipped with Milliner. */
const shippedRecipes = fileURLToPath(new URL('../../../recipes', import.meta.url));

/**
 * Returns the files written; never overwrites one. Throws USAGE for a name that a recipe may not have, OUTPUT_UNUSABLE.
 */
export async function initialise({
  directory,
  name,
  release,
  withSet = false,
}: InitOptions): Promise<string[]> {
  requireValidNames({ name, release });
  const recipes = join(directory, 'recipes');
  const files: [string, string][] = [
    [join(recipes, `${name}.yaml`), await recipeText(name, release)],
    [join(recipes, 'repos.yaml'), await repositoriesText()],
    ...(withSet ? [[join(recipes, 'milliner.yaml'), setText(name)] as [string, string]] : []),
  ];
  const recipe = files[0]![0];
  if (existsSync(recipe)) {
    throw new MillinerError('OUTPUT_UNUSABLE', `${recipe} exists already`, {
      hint: 'Choose another name.',
    });
  }
  await mkdir(recipes, { recursive: true });
  await mkdir(join(directory, 'templates'), { recursive: true });
  const written: string[] = [];
  for (const [path, text] of files) {
    if (existsSync(path)) continue;
    await writeFileAtomic(path, text);
    written.push(path);
  }
  return written;
}

/** The name becomes a file name, so it must be valid before. */
function requireValidNames(words: { name: string; release: string | undefined }): void {
  const { error } = recipeSchema.pick({ name: true, release: true }).safeParse(words);
  const issue = error?.issues[0];
  if (issue) throw new MillinerError('USAGE', `${issue.path.join('.')}: ${issue.message}`);
}

/** The smallest recipe that boots, renamed, and without its comment, which is about the original. */
async function recipeText(name: string, release: string | undefined): Promise<string> {
  const text = await readFile(join(shippedRecipes, 'fedora-init.yaml'), 'utf8');
  const renamed = text.replace(/^(?:#.*\n)+/, '').replace(/^name: .*$/m, `name: ${name}`);
  return release === undefined
    ? renamed
    : renamed.replace(/^release: .*$/m, `release: ${JSON.stringify(release)}`);
}

/** Beside the recipe, with every policy that a night has to have. */
function setText(name: string): string {
  return `# What milliner nightly does with the recipes beside this file; docs/nightly.md explains each key.
name: nightly
recipes: [${name}]
publish:
  to: ['registry.example.com/{{name}}']
  tags: ['{{release}}', '{{release}}.{{date}}', latest]
key: ../keys/release.key
update: all # or security: only what advisories name; or none
hold: [] # packages that do not move
quarantine: { after: 3 } # nights
schedule: 30 2 * * * # UTC
retention: [{ tags: '*.*', age: 90d }]
reports: [{ format: markdown, file: '../reports/{{date}}.md' }]
`;
}

/** Without the demo's repository, which has no metalink. */
async function repositoriesText(): Promise<string> {
  const document = parseDocument(await readFile(join(shippedRecipes, 'repos.yaml'), 'utf8'));
  const repos = document.get('repos');
  if (isSeq(repos))
    repos.items = repos.items.filter((repo) => isMap(repo) && repo.get('metalink') !== undefined);
  return document.toString({ lineWidth: 0 });
}
