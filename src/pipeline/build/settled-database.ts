/** The rpm database of an installation, once rpm is done: in its canonical form, and with the packages of the lock. */
import { canonicalizeDatabase } from '../../lib/rpm/canonical.ts';
import type { InstalledFiles } from '../../lib/rpm/database.ts';
import { databaseIn } from '../../lib/rpm/image-database.ts';
import { checkDatabase } from '../../stages/install/database-set.ts';
import type { InstallPlan } from './install-plan.ts';

/** The same in every image, so that a package's entry does not depend on the other packages. 0 would mean never. */
const installTime = 1;

/**
 * The only time that the database is read after the transaction. `words` are further possible reasons for a difference.
 * Throws DATABASE_DIFFERS, RPMDB_INVALID, DISK_FULL.
 */
export async function settleDatabase(
  target: string,
  { packages, kept, dbPath }: Pick<InstallPlan, 'packages' | 'kept' | 'dbPath'>,
  words: readonly string[],
): Promise<InstalledFiles[]> {
  const known = new Map(packages.map(({ nevra, files }) => [nevra, files]));
  const database = await databaseIn(target, dbPath);
  const installed = await canonicalizeDatabase(database, { installTime, known });
  // Without packages rpm has not run, and the base's database is as its builder has left it.
  const locked = [...kept, ...known.keys()];
  if (packages.length > 0)
    checkDatabase(
      locked,
      installed.map(({ nevra }) => nevra),
      words,
    );
  return installed;
}
