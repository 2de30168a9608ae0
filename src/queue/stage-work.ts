/** What the work of a stage gets besides its job, and what it returns. */
import type { AcquireLease } from '../pipeline/publish/publish-lease.ts';
import type { Context } from '../pipeline/state/context.ts';
import type { Built, Locked, Published, Signed } from './claims.ts';
import type { Stage, StageJob } from './job.ts';

export interface Grants {
  acquireLease: AcquireLease;
  /** Password of the private key, for the sign stage. */
  password: string | undefined;
  /** Path of the key on this host. */
  keyPath: string | undefined;
}

/** The result of each stage, without the request that it is for. */
export interface Results {
  lock: Omit<Locked, 'request'>;
  build: Built;
  sign: Omit<Signed, 'request' | 'images'>;
  publish: Pick<Published, 'tags'>;
}

export type Work<S extends Stage> = (context: Context, job: StageJob, grants: Grants) => Promise<Results[S]>;
