/** What a worker does with a job of the queue `night`: it opens the claim, asks whether the night is due, and runs it. */
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { hostname } from 'node:os';
import type { Job } from 'bullmq';
import { errorTable, MillinerError } from '../lib/errors/error.ts';
import { failureOf } from '../lib/errors/wire.ts';
import { requireSafePath } from '../lib/host/safe-place.ts';
import type { Digest } from '../lib/oci/digest.ts';
import { changeStarts } from '../pipeline/state/night-starts.ts';
import { postpone, type Handler } from './consumer.ts';
import type { Log } from './log.ts';
import {
  nightClaims,
  nightQueue,
  openNight,
  peekNight,
  type NightClaim,
  type NightEnd,
} from './night-claims.ts';
import { beginNight, settleNight } from './night-due.ts';
import type { Queues } from './queues.ts';
import { runNightProcess, type NightProcess } from './night-process.ts';
import type { Sealed } from './sealed.ts';

export interface NightOptions extends Omit<NightProcess, 'onLine'> {
  /** Whether workers of other machines may have the set. */
  shared: boolean;
  log: Log;
  onError: (error: Error) => void;
}

/** Milliseconds until the next try of a night whose set another machine may have. */
const missingPause = 5000;
/** Milliseconds in which a machine that has the set must take the night. */
const maxMissing = 3600_000;
/** Milliseconds until the next try of a night while another one of its set runs. */
const busyPause = 10_000;
/** Characters of an answer that the queue stores. */
const maxAnswerLength = 512 * 1024;

export class NightHandler {
  readonly #queues: Queues;
  readonly #options: NightOptions;
  /** Since when each job is here whose set is not. */
  readonly #missing = new Map<string, number>();

  constructor(queues: Queues, options: NightOptions) {
    this.#queues = queues;
    this.#options = options;
  }

  readonly handle: Handler = async (job, token, signal) => {
    const say = this.#sayFor(job);
    try {
      const { body: night, digest } = await openNight(this.#queues.machines, job.data);
      if (!(await this.#isHere(job, night, say))) return await postpone(job, token, missingPause);
      if (await this.#isOvertaken(job, night)) return await postpone(job, token, busyPause);
      return await this.#start(job, token, signal, { night, digest, say });
    } catch (error) {
      if (error instanceof MillinerError && !signal.aborted) say(`${error.code}: ${error.message}`, 'error');
      throw error;
    }
  };

  #sayFor(job: Job): (text: string, level?: 'info' | 'warn' | 'error') => void {
    const { log, onError } = this.#options;
    return (text, level = 'info') => {
      log(level, text, { job: job.id });
      this.#append(job, `${level === 'info' ? '' : `${level}: `}${text}`).catch(onError);
    };
  }

  #append(job: Job, text: string): Promise<number> {
    return job.log(`${new Date().toISOString()} ${text}`);
  }

  /** Throws SET_NOT_FOUND once no machine has had the file for too long, PLACE_UNSAFE. */
  async #isHere(job: Job, { set, path }: NightClaim, say: (text: string) => void): Promise<boolean> {
    requireSafePath(path);
    if (existsSync(path)) {
      this.#missing.delete(job.id!);
      return true;
    }
    const since = this.#missing.get(job.id!) ?? Date.now();
    if (!this.#options.shared || Date.now() - since >= maxMissing) {
      throw new MillinerError('SET_NOT_FOUND', `no machine that runs nights has ${path}`, {
        hint: `Put the set back, or replace its schedule: milliner schedule remove ${set}, then schedule add.`,
        details: { set, path },
      });
    }
    if (!this.#missing.has(job.id!)) say(`${path} is not on this machine: left to others`);
    this.#missing.set(job.id!, since);
    return false;
  }

  /** Whether another night of the set runs already. Of two that begin at once the first goes on. */
  async #isOvertaken(job: Job, { set }: NightClaim): Promise<boolean> {
    const rank = ({ processedOn = 0, id = '' }: Job) => `${String(processedOn).padStart(15, '0')} ${id}`;
    const active = await this.#queues.get(nightQueue).getActive();
    // It may have ended in the meantime.
    const others = active.filter((other) => other !== undefined && other.id !== job.id);
    return others.some((other) => peekNight(other.data)?.set === set && rank(other) < rank(job));
  }

  async #start(
    job: Job,
    token: string,
    signal: AbortSignal,
    { night, digest, say }: { night: NightClaim; digest: Digest; say: (text: string) => void },
  ): Promise<Sealed> {
    const { state } = this.#options;
    const run = randomUUID();
    const asked = { night, claim: digest, now: Date.now(), run };
    const begun = await changeStarts(state, night.set, (before) => beginNight(before, asked));
    if ('pause' in begun) return postpone(job, token, begun.pause);
    const settle = (phase: 'open' | 'ended') =>
      changeStarts(state, night.set, (before) => settleNight(before, run, phase));
    const started = new Date();
    say(`begins on ${hostname()}`);
    try {
      const onLine = (line: string) => void this.#append(job, line).catch(this.#options.onError);
      const { exitCode, answer } = await runNightProcess(night, { ...this.#options, onLine }, signal);
      say(`ended with exit code ${exitCode}`);
      const end = this.#seal({ night: digest, started, exitCode, answer });
      await settle('ended');
      return await end;
    } catch (error) {
      const isRetried = signal.aborted || isTriedAgain(job, error);
      await settle(isRetried ? 'open' : 'ended');
      if (!isBusy(error)) throw error;
      say(`${(error as Error).message}: waits`);
      return postpone(job, token, busyPause);
    }
  }

  #seal({
    answer,
    started,
    ...rest
  }: Pick<NightEnd, 'night' | 'exitCode' | 'answer'> & { started: Date }): Promise<Sealed> {
    const fits = JSON.stringify(answer).length <= maxAnswerLength;
    return this.#queues.machines.seal(nightClaims.end, {
      ...rest,
      host: hostname(),
      started: started.toISOString(),
      finished: new Date().toISOString(),
      ...(fits && { answer }),
    });
  }
}

/** Another command runs a night of the set: by hand, or left over by a worker that has just died. */
const isBusy = (error: unknown) => error instanceof MillinerError && error.code === 'BUSY';

function isTriedAgain(job: Job, error: unknown): boolean {
  const { code } = failureOf(error);
  if (code === 'BUSY') return true;
  return errorTable[code].retryable === true && job.attemptsMade + 1 < (job.opts.attempts ?? 1);
}
