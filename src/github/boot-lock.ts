/** Builds and boots a proposed lock in this state, as a release would, without writing beside the recipe. */
import { errorTable, MillinerError } from '../lib/errors/error.ts';
import { failureOf, type Failure } from '../lib/errors/wire.ts';
import { archToBuild } from '../lib/host/arch.ts';
import type { Digest } from '../lib/oci/digest.ts';
import { build } from '../pipeline/build/build.ts';
import { readLedger } from '../pipeline/build/record-ids.ts';
import { bootRecorded } from '../pipeline/instance/boot.ts';
import type { Context } from '../pipeline/state/context.ts';
import { readRecord } from '../pipeline/state/image-records.ts';
import { readVerdict } from '../pipeline/state/verdicts.ts';
import { bundleRecipe, shareBundle, withBundle } from '../pipeline/transfer/recipe-bundle.ts';
import type { Verdict } from '../stages/boot/verdict.ts';
import { noIds, withIds, type Ids } from '../stages/lock/id-ledger.ts';
import type { Proposal } from './propose-locks.ts';

export interface BootedLock {
  passed: boolean;
  lockDigest: Digest;
  /** Absent where the image could not be built. */
  manifestDigest?: Digest;
  verdict?: Verdict;
  failure?: Failure;
  /** Ledgers that the build has added to, by name of the recipe. */
  ids: ReadonlyMap<string, Ids>;
}

/** They tell nothing of the image: another host may well build and boot it. */
const notOfImage = new Set(['internal', 'usage', 'host', 'storage', 'queue', 'interrupted']);

/** Throws what concerns this host. An image that passed here before is not booted again. */
export async function bootLock(context: Context, proposal: Proposal): Promise<BootedLock> {
  const { member, lock, chain } = proposal;
  const lockDigest = lock.digest;
  try {
    const bundled = [];
    for (const one of chain) bundled.push(await bundleRecipe(one.loaded, one.lock));
    const digest = await shareBundle(context, bundled);
    const arch = archToBuild(undefined, member.loaded.recipe.arches);
    const record = await withBundle(context, digest, (recipe) => build(context, recipe, { arch }));
    const { manifestDigest } = record;
    const known = await readVerdict(context.state, manifestDigest);
    const verdict = known?.passed === true ? known : await bootRecorded(context, record);
    const ids = await newIds(context, proposal, arch);
    return { passed: verdict.passed, lockDigest, manifestDigest, verdict, ids };
  } catch (error) {
    if (!(error instanceof MillinerError) || notOfImage.has(errorTable[error.code].kind)) throw error;
    return { passed: false, lockDigest, failure: failureOf(error), ids: new Map() };
  }
}

/** Only of the images that this build has made or found. */
async function newIds({ state }: Context, { chain }: Proposal, arch: string): Promise<Map<string, Ids>> {
  const found = new Map<string, Ids>();
  for (const { loaded, lock } of chain) {
    const { name } = loaded.recipe;
    const record = await readRecord(state, { name, arch });
    if (record?.lockDigest !== lock.digest) continue;
    const ledger = await readLedger(loaded);
    const merged = withIds(ledger, record.ids ?? noIds);
    const count = ({ users, groups }: Ids) => Object.keys(users).length + Object.keys(groups).length;
    if (count(merged) > count(ledger)) found.set(name, merged);
  }
  return found;
}
