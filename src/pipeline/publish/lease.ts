/** Leases of a publication: before each change that others can see, the run asks whether it may still make it. */
import type { Context } from '../state/context.ts';
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
  { signal }: Context,
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
