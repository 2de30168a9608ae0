/** The right of a run to change what others can see: the lease of a job, which can end while a request is under way. */
import { hexOf, type Digest } from '../../lib/oci/digest.ts';
import type { RunOptions } from '../state/context.ts';
import { withStateLock } from '../state/state-lock.ts';
import type { Target } from './targets.ts';

/**
 * Called before each change that others can see; throws if this run may not make it any more. The signal aborts when
 * the lease ends, and another lease can be requested.
 */
export type AcquireLease = () => Promise<AbortSignal>;
export const unlimitedLease: AcquireLease = async () => new AbortController().signal;

/**
 * Requests to a slow registry are repeated beyond the end of a lease. Abort them with the lease, and try again with a
 * new one.
 */
export async function withLease<T>(
  { signal }: Pick<RunOptions, 'signal'>,
  acquireLease: AcquireLease,
  target: Target,
  change: (within: Target) => Promise<T>,
): Promise<T> {
  for (;;) {
    const lease = await acquireLease();
    const client = target.client.under(signal ? AbortSignal.any([signal, lease]) : lease);
    try {
      return await change({ ...target, client });
    } catch (error) {
      if (!lease.aborted || signal?.aborted) throw error;
    }
  }
}

type Run = Pick<RunOptions, 'state' | 'progress' | 'signal'>;

/** Runs fn while no other run of this state changes what is attached to one of these images or indexes. */
export function withImageLocks<T>(run: Run, digests: Iterable<Digest>, fn: () => Promise<T>): Promise<T> {
  // In one order, so that two runs do not wait for each other.
  const within = [...new Set(digests)]
    .toSorted()
    .reduceRight<() => Promise<T>>((inner, digest) => () => withImageLock(run, digest, inner), fn);
  return within();
}

export function withImageLock<T>(run: Run, digest: Digest, fn: () => Promise<T>): Promise<T> {
  return withStateLock(run, `publish-${hexOf(digest)}`, fn);
}
