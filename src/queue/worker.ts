/** A worker: consumers of all queues whose jobs this host can do, with their shared slots and heartbeat. */
import type { Job } from 'bullmq';
import { randomUUID } from 'node:crypto';
import { availableParallelism, hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { MillinerError } from '../lib/errors/error.ts';
import { failureOf } from '../lib/errors/wire.ts';
import { hostArches } from '../lib/host/arch.ts';
import type { Finding } from '../pipeline/setup/doctor.ts';
import type { Storage } from '../stages/snapshot/storages.ts';
import { claims, peekRelease } from './claims.ts';
import type { Connection } from './connection.ts';
import { Consumer, type Handler, type Reason } from './consumer.ts';
import { cancelled, releaseLease, acquireLease, movedBy } from './lease.ts';
import { advance } from './flow.ts';
import { Heartbeat } from './heartbeat.ts';
import { queueOf, releaseQueue, type Stage, type StageJob } from './job.ts';
import { JobPool } from './job-pool.ts';
import { rememberedKeys, type Keyring } from './keyring.ts';
import type { Log, Subject } from './log.ts';
import type { Order } from './messages.ts';
import { movingTags } from './moved.ts';
import { nightQueue } from './night-claims.ts';
import { NightHandler, type NightOptions } from './night-handler.ts';
import { openReport, openStage } from './opened.ts';
import { keys, Queues } from './queues.ts';
import { signedDigests } from './release-tags.ts';
import { runTask, type TaskHooks } from './run-job.ts';
import type { Sealed } from './sealed.ts';
import { Slots } from './slots.ts';
import type { Results } from './stage-work.ts';

export interface WorkerOptions {
  /** The state directory. */
  state: string;
  storage: Storage;
  allowHostRoot: boolean | undefined;
  connection: Connection;
  /** How many heavy jobs run at once; default: the number of cores. */
  slots?: number | undefined;
  keyring: Keyring;
  /** The role that the worker is limited to. */
  only?: Role | undefined;
  /** What this host can do, as doctor found it. */
  findings: readonly Finding[];
  /** Whether it runs the nights of release sets. The own worker of a command does not: it ends with the command. */
  nights?: Pick<NightOptions, 'program'> | undefined;
  log: Log;
}

/** `build`: locks, builds and boots; `sign`: signs, publishes, and moves releases on. */
export const roles = ['build', 'sign'] as const;
type Role = (typeof roles)[number];

/** Milliseconds between two reports of the same trouble. */
const reportInterval = 10_000;
/** Milliseconds in which a host with a full disk takes no builds, so that others take them. */
const fullDiskPause = 10_000;
/** Milliseconds in which running jobs may finish before a stopping worker hands them back. */
const graceMilliseconds = 10_000;
/** Milliseconds for jobs to clean up and to report. */
const stopMilliseconds = 45_000;
/** Milliseconds. A stopping worker does not wait longer for a Redis that is down. */
const maxDownMilliseconds = 5000;
/** A release job itself does no work: it waits for its stages. */
const maxReleases = 32;

export class ReleaseWorker {
  readonly id = randomUUID();
  readonly queues: Queues;
  readonly #options: WorkerOptions;
  readonly #slots: Slots;
  readonly #slotCount: number;
  readonly #consumers = new Map<string, Consumer>();
  readonly #over = new AbortController();
  readonly #complaints = new Map<string, number>();
  readonly #pool = new JobPool();
  #heartbeat: Heartbeat | undefined;
  #stopping = false;

  constructor(options: WorkerOptions) {
    this.#options = options;
    this.#slotCount = options.slots ?? availableParallelism();
    this.#slots = new Slots(this.#slotCount);
    this.queues = new Queues(options.connection.redis, options.state);
  }

  /** Names of the queues that it takes jobs from. */
  get takes(): string[] {
    return [...this.#consumers.keys()];
  }

  get running(): Job[] {
    return [...this.#consumers.values()].flatMap((consumer) => consumer.running);
  }

  async start(): Promise<void> {
    const { log, only } = this.#options;
    if (only !== 'sign') this.#consumeBuilds();
    if (only !== 'sign' && this.#options.nights) this.#consumeNights(this.#options.nights);
    if (only !== 'build') {
      this.#consume('publish', this.#stage);
      await this.#findKeys();
      this.#consume(releaseQueue, this.#release, maxReleases);
    }
    log('info', `takes ${this.takes.join(', ')}; ${this.#slotCount} at once`);
    const about = { id: this.id, slots: this.#slotCount, takes: () => this.takes };
    const hooks = {
      onError: (error: Error) => this.#complain(error),
      findKeys: async () => (only === 'build' ? undefined : this.#findKeys()),
    };
    this.#heartbeat = new Heartbeat(this.queues, about, this.#consumers, hooks);
  }

  #consumeBuilds(): void {
    const { findings, log } = this.#options;
    const missing = findings.filter(({ ok, only }) => !ok && only === undefined);
    for (const { what, found } of missing) log('warn', `takes no builds: ${what}: ${found}`);
    for (const arch of hostArches()) {
      this.#consume(queueOf('lock', { arch, key: '' }), this.#stage);
      if (missing.length === 0) this.#consume(queueOf('build', { arch, key: '' }), this.#stage);
    }
  }

  /** A night waits for its releases. In one of the slots it would keep a worker from the releases that it waits for. */
  #consumeNights(nights: Pick<NightOptions, 'program'>): void {
    const { state, storage, allowHostRoot, connection, log } = this.#options;
    const onError = (error: Error) => this.#complain(error);
    const { shared } = connection;
    const options = { ...nights, state, storage, allowHostRoot, shared, log, onError };
    const handler = new NightHandler(this.queues, options);
    this.#consume(nightQueue, handler.handle, 1);
  }

  /**
   * Takes no more jobs, and hands running ones back after `grace` milliseconds. While the Redis is down they cannot be
   * handed back; other workers take them once their locks expire.
   */
  async stop({ grace = graceMilliseconds }: { grace?: number } = {}): Promise<void> {
    // A connection that is closed for good accepts no results, and drops pending commands.
    const inOrder = this.#stopInOrder(this.queues.redis.status === 'end' ? 0 : grace).catch((error: Error) =>
      this.#complain(error),
    );
    await Promise.race([inOrder, this.#giveUp(grace + stopMilliseconds)]);
    await this.#pool.close();
    this.#over.abort();
    this.#heartbeat?.abandon();
    for (const consumer of this.#consumers.values()) consumer.abandon();
  }

  async #stopInOrder(grace: number): Promise<void> {
    this.#stopping = true;
    const consumers = [...this.#consumers.values()];
    const taken = Promise.all(consumers.map((consumer) => consumer.end()));
    await this.#untilIdle(grace);
    for (const consumer of consumers) {
      for (const { id } of consumer.running) consumer.stop(id!, 'handed back');
    }
    await this.#untilIdle(Infinity);
    await taken;
    await Promise.all(consumers.map((consumer) => consumer.close()));
    await this.#heartbeat?.stop();
    await this.queues.close();
  }

  async #untilIdle(timeout: number): Promise<void> {
    const deadline = Date.now() + timeout;
    while (this.running.length > 0 && Date.now() < deadline && !this.#over.signal.aborted) await sleep(50);
  }

  /** Resolves after the time, or earlier if no job runs and the Redis is down. */
  async #giveUp(timeout: number): Promise<void> {
    const deadline = Date.now() + timeout;
    for (let since = Date.now(); Date.now() < deadline && !this.#over.signal.aborted; await sleep(100)) {
      const { status } = this.queues.redis;
      if (this.running.length > 0 || status === 'ready') since = Date.now();
      else if (status === 'end' || Date.now() - since > maxDownMilliseconds) return;
    }
  }

  #consume(queue: string, handler: Handler, concurrency = this.#slotCount): void {
    const onError = (error: Error) => this.#complain(error);
    this.#consumers.set(queue, new Consumer(this.queues.redis, queue, { concurrency, handler, onError }));
  }

  readonly #release: Handler = async (job, token) => {
    const { run, recipe } = peekRelease(job.data);
    const subject = { run, release: job.id, recipe };
    try {
      const course = await advance(this.queues, job, token);
      const { references } = await openReport(this.queues.machines, course);
      this.#options.log('info', `released as ${references.join(', ')}`, subject);
      return course;
    } catch (error) {
      if (error instanceof MillinerError) {
        this.#options.log('error', `${error.code}: ${error.message}`, subject);
      }
      throw error;
    }
  };

  readonly #stage: Handler = async (job, token, signal) => {
    const stage = await openStage(this.queues.machines, job);
    const { run, recipe, key } = stage.data;
    const subject = { run, release: stage.release, recipe, job: job.id };
    const complain = (error: Error) => this.#complain(error);
    const say = (text: string, level: 'info' | 'warn' = 'info') => {
      this.#options.log(level, text, subject);
      job.log(`${new Date().toISOString()} ${level === 'warn' ? 'warning: ' : ''}${text}`).catch(complain);
    };
    const { keyring, state, storage, allowHostRoot } = this.#options;
    const order = {
      job: stage,
      state,
      storage,
      allowHostRoot,
      signer: stage.stage === 'sign' ? keyring.signer(key) : undefined,
    };
    const hooks = {
      onStep: say,
      password: () => (order.signer ? keyring.password : undefined),
      onUpdate: (text: string, done: number, total: number) =>
        void job.updateProgress({ text, done, total }).catch(complain),
      requestLease: async () =>
        acquireLease(this.queues.redis, job, token, stage, signal).catch((error: unknown) => ({
          refused: failureOf(error),
        })),
    };
    try {
      if (await this.queues.redis.sismember(keys.cancelled, stage.release)) throw cancelled(job);
      return await this.#slots.run(ranks[stage.stage], signal, async () => {
        const began = Date.now();
        say(`begins on ${hostname()}`);
        const result = await this.#run(order, hooks, token, signal);
        say(`done in ${((Date.now() - began) / 1000).toFixed(1)} s`);
        return await this.#seal(stage, result);
      });
    } catch (error) {
      this.#note(error, signal, subject);
      throw error;
    }
  };

  async #run(order: Order, hooks: TaskHooks, token: string, signal: AbortSignal): Promise<Results[Stage]> {
    const { redis } = this.queues;
    try {
      const carryOut = () => runTask(this.#pool, order, hooks, signal);
      const result = await movingTags(order.state, movedBy(order.job), order.job.data.at, carryOut);
      await releaseLease(redis, token, order.job, true);
      return result;
    } catch (error) {
      await releaseLease(redis, token, order.job, false);
      throw error;
    }
  }

  /** Seals the stage's result as a claim of this machine. */
  #seal({ request, stage, data, images }: StageJob, result: Results[Stage]): Promise<Sealed> {
    const { machines } = this.queues;
    if (stage === 'lock') return machines.seal(claims.locked, { request, ...(result as Results['lock']) });
    if (stage === 'build') {
      return machines.seal(claims.built, { request, bundle: data.bundle, image: result as Results['build'] });
    }
    if (stage === 'publish') {
      const finished = new Date().toISOString();
      return machines.seal(claims.published, { request, ...(result as Results['publish']), finished });
    }
    const signed = signedDigests(data, images);
    return machines.seal(claims.signed, { request, images: signed, ...(result as Results['sign']) });
  }

  #note(error: unknown, signal: AbortSignal, subject: Subject): void {
    const { log } = this.#options;
    if (signal.aborted) return log('warn', `stopped: ${signal.reason as Reason}`, subject);
    const { code, message } = failureOf(error);
    log('error', `${code}: ${message}`, subject);
    if (code === 'DISK_FULL') void this.#rest();
  }

  /** Takes no jobs that fill disks for a while, so that other workers take them. */
  async #rest(): Promise<void> {
    if (this.#stopping) return;
    const heavy = [...this.#consumers.values()].filter(({ queue }) => /^(?:lock|build)-/.test(queue));
    this.#options.log('warn', `the disk is full: takes no builds for ${fullDiskPause / 1000} s`);
    await Promise.all(heavy.map((consumer) => consumer.pause()));
    await sleep(fullDiskPause, undefined, { signal: this.#over.signal }).catch(() => undefined);
    if (!this.#stopping) await Promise.all(heavy.map((consumer) => consumer.resume()));
  }

  /** Reports each trouble at intervals only: every connection meets it again and again. */
  #complain({ message }: Error): void {
    if (Date.now() - (this.#complaints.get(message) ?? 0) < reportInterval) return;
    this.#complaints.set(message, Date.now());
    this.#options.log('warn', message);
  }

  async #findKeys(): Promise<void> {
    const { keyring, log } = this.#options;
    for (const { id, path } of await rememberedKeys(this.#options.state)) {
      try {
        await keyring.discover({ id, path });
      } catch (error) {
        log('warn', `does not sign with ${path}: ${(error as Error).message}`);
      }
    }
    for (const id of keyring.ids) {
      const queue = queueOf('sign', { key: id });
      if (!this.#stopping && !this.#consumers.has(queue)) this.#consume(queue, this.#stage);
    }
  }
}

/** Jobs near the end of a release go first. */
const ranks: Record<Stage, number> = { publish: 0, sign: 1, build: 2, lock: 3 };
