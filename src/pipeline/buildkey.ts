/** What an image is made from, as one digest: the same key means that there is nothing to build. */
import { readFile } from 'node:fs/promises';
import type { Digest } from '../content/digest.ts';
import { canonicalDigest } from '../lock/lock.ts';
import { templatePath } from '../recipe/load.ts';
import type { LockedRecipe } from './lock.ts';
import type { ImageRecord } from './records.ts';
import { currentVersions } from './versions.ts';

export async function buildKeyOf(
  { loaded, lock, answer }: LockedRecipe,
  arch: string,
  base: ImageRecord | undefined,
): Promise<Digest> {
  const { recipe, path } = loaded;
  const templates = await Promise.all(
    recipe.files.map(({ template }) =>
      template === undefined ? Promise.resolve('') : readFile(templatePath(path, template), 'utf8'),
    ),
  );
  // Where packages come from, how long they may take and what is done with the image later do not show in its bytes.
  const { repos: _repos, install: _install, test: _test, publish: _publish, ...content } = recipe;
  return canonicalDigest({
    recipe: content,
    templates,
    arch,
    epoch: lock.epoch,
    packages: answer.packages.map(({ nevra, sha256 }) => [nevra, sha256]),
    tools: Array.isArray(answer.tools) ? answer.tools.map(({ sha256 }) => sha256) : answer.tools,
    versions: { ...currentVersions(), libsolv: '' },
    base: base?.manifestDigest ?? '',
  }) as Digest;
}
