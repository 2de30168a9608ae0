/** What the recipes of a night share, so that each repository is asked once, and loaded once for the plan. */
import type { Digest } from '../../lib/oci/digest.ts';
import type { OpenedRepository } from '../../stages/repo/repository.ts';
import type { KnownCaches } from '../../stages/solve/addon-repositories.ts';
import type { AddonInput, AddonOutput } from '../../stages/solve/addon.ts';

export interface Sharing {
  /** Ends all that is shared; that of one recipe's requests would end what others wait for. */
  signal: AbortSignal | undefined;
  /** By what of a repository's definition and variables reaches its server. */
  repositories: Map<string, Promise<OpenedRepository>>;
  /** Only while the night is planned: a lock is solved with the files of packages. */
  planning?: Planning | undefined;
}

interface Planning {
  knownCaches: KnownCaches;
  /** Fetches the file of an installed package that no repository has any more. */
  files: Map<Digest, () => Promise<string>>;
  /** Takes digests of installed packages in place of their files. */
  solve: (input: AddonInput) => Promise<AddonOutput>;
}
