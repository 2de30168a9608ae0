/** What an image is made from, as one digest: the same key means that there is nothing to build. */
import { fileChecksum } from '../../lib/host/checksum.ts';
import { canonicalDigest, type Digest } from '../../lib/oci/digest.ts';
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
  // Where packages come from, how long they may take and where the image goes do not show in its bytes.
  const { repos, install: _install, publish: _publish, from: _from, ...content } = recipe;
  return canonicalDigest({
    // As text, because templates see the order of values, and the image that of its environment.
    recipe: JSON.stringify(content),
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

/** An image that stands on a key which the recipe has given up is not unchanged: its packages are checked anew. */
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
