/** The files of a proposal in its repository: locks, ledgers of ids, and the rest of a long text. */
import { existsSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { MillinerError } from '../lib/errors/error.ts';
import { idsPathOf, idsText, type Ids } from '../stages/lock/id-ledger.ts';
import { lockText } from '../stages/lock/lock-file.ts';
import type { Proposal } from './propose-locks.ts';

/** The directory of the checkout that a file lies in. Throws USAGE. */
export function checkoutOf(path: string): string {
  for (let at = dirname(path); ; at = dirname(at)) {
    // A file in a worktree.
    if (existsSync(join(at, '.git'))) return at;
    if (at === dirname(at)) break;
  }
  throw new MillinerError('USAGE', `${path} is not in a checkout of git`, {
    hint: 'Clone the repository of github.repository, and name the release set of that clone.',
  });
}

/** Where the rest of a text lies: beside the lock. */
export function restPathOf(checkout: string, { member }: Pick<Proposal, 'member'>): string {
  return relative(checkout, member.loaded.lockPath.replace(/\.lock\.json$/, '.changes.md'));
}

/**
 * By path in the repository. Files of the chain that stay as they are on the default branch are undefined: an earlier
 * proposal may have changed them.
 * @param ids ledgers of a build, by name of the recipe
 */
export function proposalFiles(
  checkout: string,
  proposal: Proposal,
  rest: string | undefined,
  ids: ReadonlyMap<string, Ids>,
): Map<string, string | null | undefined> {
  const files = new Map<string, string | null | undefined>();
  for (const { loaded, lock, isProposed } of proposal.chain) {
    const path = relative(checkout, loaded.lockPath);
    files.set(path, isProposed ? lockText(lock) : undefined);
    const ledger = ids.get(loaded.recipe.name);
    if (ledger) files.set(idsPathOf(path), idsText(ledger));
  }
  files.set(restPathOf(checkout, proposal), rest ?? null);
  return files;
}
