/** Verdicts by manifest digest: the results of booting an image. */
import { join } from 'node:path';
import { z } from 'zod';
import { hexOf, type Digest } from '../../lib/oci/digest.ts';
import type { Verdict } from '../../stages/boot/verdict.ts';
import { JsonStore } from './json-store.ts';

const verdictsIn = (state: string, manifestDigest?: Digest) =>
  new JsonStore(join(state, 'verdicts'), {
    what: 'a verdict on its image',
    // A verdict on another image in this file is tampering, not a missing verdict.
    schema: z.custom<Verdict>((value) => (value as Verdict | null)?.manifestDigest === manifestDigest),
    hint: 'Boot the image again with milliner boot IMAGE.',
  });

export async function writeVerdict(state: string, verdict: Verdict): Promise<void> {
  await verdictsIn(state).write(hexOf(verdict.manifestDigest as Digest), verdict);
}

/** Undefined if the image was never booted. Throws STATE_INVALID. */
export async function readVerdict(state: string, manifestDigest: Digest): Promise<Verdict | undefined> {
  return verdictsIn(state, manifestDigest).read(hexOf(manifestDigest));
}

/** Removes the verdicts on images that are no longer in the state. */
export async function removeOtherVerdicts(state: string, digests: ReadonlySet<Digest>): Promise<void> {
  await verdictsIn(state).removeOthers([...digests].map(hexOf));
}
