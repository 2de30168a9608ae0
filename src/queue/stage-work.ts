/** What the work of a stage gets besides its job, and what it returns. */
import type { AcquireLease } from '../pipeline/publish/publish-lease.ts';
import type { Context } from '../pipeline/state/context.ts';
import type { Built, Locked, Published, Signed } from './claims.ts';
import type { Stage, StageJob } from './job.ts';

/** A private key on this host. */
export interface OwnKey {
  path: string;
  /** In PEM: enough to find out that all is signed already. */
  publicKey: string;
}

export interface Grants {
  acquireLease: AcquireLease;
  /** The key of the sign stage; undefined if this worker does not have it. */
  signer: OwnKey | undefined;
  /** Of the private key, which must be opened only if there is something to sign: the process ends with this job then. */
  requestPassword: () => Promise<string | undefined>;
}

/** The result of each stage, without the request that it is for. */
export interface Results {
  lock: Omit<Locked, 'request'>;
  build: Built;
  sign: Omit<Signed, 'request' | 'images'>;
  publish: Pick<Published, 'tags'>;
}

export type Work<S extends Stage> = (context: Context, job: StageJob, grants: Grants) => Promise<Results[S]>;
