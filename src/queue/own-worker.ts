/** For commands that queue releases: they work themselves where no worker does. */
import type { RunOptions } from '../pipeline/state/context.ts';
import { examine } from '../pipeline/setup/doctor.ts';
import type { Connection } from './connection.ts';
import { follow, hasWorkers } from './follow.ts';
import { Keyring, type KeyId } from './keyring.ts';
import type { Log } from './log.ts';
import type { Queues } from './queues.ts';
import type { ReleaseStatus } from './status.ts';
import type { Submitted } from './submit.ts';
import { ReleaseWorker } from './worker.ts';

export const noWorkerWarning = 'no worker takes it yet; start one with: milliner worker';

interface OwnWorkerInput {
  connection: Connection;
  key: KeyId;
  /** From the environment. */
  password: string | undefined;
}

/** Starts a worker in this command's process if no other worker takes jobs from this state's queue. */
export class OwnWorker {
  readonly #options: RunOptions;
  readonly #connection: Connection;
  readonly #key: KeyId;
  #keyring: Keyring;
  #worker: ReleaseWorker | undefined;

  constructor(options: RunOptions, { connection, key, password }: OwnWorkerInput) {
    this.#keyring = new Keyring(password);
    this.#options = options;
    this.#connection = connection;
    this.#key = key;
  }

  /** Opens the key if this command will work, so that a wrong password shows before anything is queued. */
  async prepare(queues: Queues, askPassword: () => Promise<string>): Promise<void> {
    if (this.#connection.shared || (await hasWorkers(queues))) return;
    const password = await askPassword();
    this.#keyring = new Keyring(password);
    await this.#keyring.add(this.#key);
  }

  /** Returns how each release ended. Throws as follow does. */
  async follow(
    queues: Queues,
    submitted: readonly Submitted[],
    onEnd?: (ended: ReleaseStatus) => Promise<void>,
  ): Promise<ReleaseStatus[]> {
    const { signal, progress } = this.#options;
    if (this.#connection.shared && !(await hasWorkers(queues))) progress.warn(noWorkerWarning);
    const onPoll = async () => {
      const isOurs = this.#worker === undefined && !this.#connection.shared;
      if (isOurs && !(await hasWorkers(queues))) await this.#start();
    };
    try {
      return await follow(queues, submitted, { progress, signal, onPoll, onEnd });
    } catch (error) {
      if (signal?.aborted) {
        const ids = submitted.map(({ release }) => release).join(', ');
        progress.warn(`${ids} stays in the queue; give it up with: milliner queue cancel ID`);
      }
      throw error;
    }
  }

  async #start(): Promise<void> {
    const { state, storage, allowHostRoot, progress } = this.#options;
    // Messages of jobs are in the queue, from where `follow` prints them.
    const log: Log = (level, message, subject) => {
      if (level !== 'info' && subject === undefined) progress.warn(message);
    };
    const findings = await examine(state, allowHostRoot);
    this.#worker = new ReleaseWorker({
      state,
      storage,
      allowHostRoot,
      connection: this.#connection,
      keyring: this.#keyring,
      findings,
      log,
    });
    await this.#worker.start();
  }

  async stop(): Promise<void> {
    await this.#worker?.stop({ grace: 0 });
  }
}
