/** The digest of all inputs of an image. The same key means that there is nothing to build. */
import { canonicalDigest, type Digest } from '../../lib/oci/digest.ts';
import { currentVersions } from '../../stages/image/tool-versions.ts';
import type { Ids } from '../../stages/lock/id-ledger.ts';
import type { LockedRecipe } from '../lock/locked-recipe.ts';
import { contentOf } from '../lock/recipe-content.ts';
import type { Parent } from '../state/base-records.ts';

export async function buildKeyOf(
  { loaded, lock, answer }: LockedRecipe,
  arch: string,
  base: Parent | undefined,
  { users, groups }: Ids,
): Promise<Digest> {
  return canonicalDigest({
    ...(await contentOf(loaded)),
    arch,
    epoch: lock.epoch,
    packages: answer.packages.map(({ nevra, sha256 }) => [nevra, sha256]),
    tools: Array.isArray(answer.tools) ? answer.tools.map(({ sha256 }) => sha256) : answer.tools,
    versions: { ...currentVersions(), libsolv: '' },
    base: base ? [base.name, base.manifestDigest] : '',
    ids: [users, groups],
  });
}
