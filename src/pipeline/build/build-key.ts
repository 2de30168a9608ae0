/** The digest of all inputs of an image. The same key means that there is nothing to build. */
import { fileChecksum } from '../../lib/host/checksum.ts';
import { canonicalDigest, type Digest } from '../../lib/oci/digest.ts';
import { annotatedTest } from '../../stages/image/image.ts';
import { currentVersions } from '../../stages/image/tool-versions.ts';
import type { Ids } from '../../stages/lock/id-ledger.ts';
import type { Repository } from '../../stages/recipe/schema.ts';
import type { LockedRecipe } from '../lock/locked-recipe.ts';
import type { Parent } from '../state/base-records.ts';

export async function buildKeyOf(
  { loaded, lock, answer }: LockedRecipe,
  arch: string,
  base: Parent | undefined,
  { users, groups }: Ids,
): Promise<Digest> {
  const { recipe, templates } = loaded;
  // The servers of packages, limits of the installation and publishing targets do not change the image.
  const { repos, install: _install, publish: _publish, from: _from, ...content } = recipe;
  return canonicalDigest({
    // As text, because its order matters: that of values to templates, that of the environment to the image.
    recipe: JSON.stringify({ ...content, test: content.test && annotatedTest(content.test) }),
    trust: await trustOf(repos),
    templates: recipe.files.map(({ template }) =>
      template === undefined ? '' : templates.get(template)!.text,
    ),
    arch,
    epoch: lock.epoch,
    packages: answer.packages.map(({ nevra, sha256 }) => [nevra, sha256]),
    tools: Array.isArray(answer.tools) ? answer.tools.map(({ sha256 }) => sha256) : answer.tools,
    versions: { ...currentVersions(), libsolv: '' },
    base: base ? [base.name, base.manifestDigest] : '',
    ids: [users, groups],
  });
}

/** The keys are an input: when a recipe drops a key, the packages must be verified again. */
async function trustOf(repos: Repository[]): Promise<object[]> {
  return Promise.all(
    repos.map(async ({ name, gpgcheck, keys }) => ({
      name,
      gpgcheck,
      keys: await Promise.all(
        keys.map(
          async ({ file, fingerprint = '' }) => (await fileChecksum(file, 'sha256')).value + fingerprint,
        ),
      ),
    })),
  );
}
