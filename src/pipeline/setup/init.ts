/** init: a first recipe, with its repositories, to change rather than to write: what recipes/ has for Fedora. */
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
  /** That of the recipe which is copied, by default. */
  release?: string | undefined;
}

/** They come with the program. */
const ours = fileURLToPath(new URL('../../../recipes', import.meta.url));

/** Gives the files that it wrote; never writes over one. Throws USAGE for a name that no recipe may have, OUTPUT_UNUSABLE. */
export async function initialise({ directory, name, release }: InitOptions): Promise<string[]> {
  refuseUnfit({ name, release });
  const recipes = join(directory, 'recipes');
  const files: [string, string][] = [
    [join(recipes, `${name}.yaml`), await recipeText(name, release)],
    [join(recipes, 'repos.yaml'), await repositoriesText()],
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

/** The name becomes that of a file. */
function refuseUnfit(words: { name: string; release: string | undefined }): void {
  const { error } = recipeSchema.pick({ name: true, release: true }).safeParse(words);
  const issue = error?.issues[0];
  if (issue) throw new MillinerError('USAGE', `${issue.path.join('.')}: ${issue.message}`);
}

/** The smallest that boots, under another name; what it says at its head is of the recipe that it was. */
async function recipeText(name: string, release: string | undefined): Promise<string> {
  const text = await readFile(join(ours, 'fedora-init.yaml'), 'utf8');
  const named = text.replace(/^(?:#.*\n)+/, '').replace(/^name: .*$/m, `name: ${name}`);
  return release === undefined
    ? named
    : named.replace(/^release: .*$/m, `release: ${JSON.stringify(release)}`);
}

/** The demo's own is made by the demo. */
async function repositoriesText(): Promise<string> {
  const document = parseDocument(await readFile(join(ours, 'repos.yaml'), 'utf8'));
  const repos = document.get('repos');
  if (isSeq(repos))
    repos.items = repos.items.filter((repo) => isMap(repo) && repo.get('metalink') !== undefined);
  return document.toString({ lineWidth: 0 });
}
