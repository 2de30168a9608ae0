import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Flags } from '@oclif/core';
import { MillinerCommand } from '../cli/base-command.ts';
import { askPassword, passwordVariable } from '../cli/password.ts';
import { jsonLog, textLog } from '../cli/worker-log.ts';
import { serveLocally, type LocalEndpoint } from '../lib/http/local-endpoint.ts';
import { examine } from '../pipeline/setup/doctor.ts';
import { withContext } from '../pipeline/state/context.ts';
import { openMetricsText, openMetricsType, readMetrics } from '../queue/all-metrics.ts';
import { connect } from '../queue/connection.ts';
import { isDone } from '../queue/idle.ts';
import { identifyKey, Keyring } from '../queue/keyring.ts';
import type { Log } from '../queue/log.ts';
import { queueMetrics } from '../queue/queue-metrics.ts';
import { queueTrouble } from '../queue/replies.ts';
import { listReleases } from '../queue/status.ts';
import { roles, ReleaseWorker } from '../queue/worker.ts';

/** Milliseconds between two checks whether the queue is empty. */
const pollMilliseconds = 300;

export default class WorkerCommand extends MillinerCommand {
  static override summary = 'Take jobs of the queue, as many at once as there are cores';
  static override description = `Takes what this host can do: locks and builds of its architecture where doctor finds everything, signatures with the
keys it has (those of --key, and those that releases name and that lie here), and publishing. The keys' password comes
from MILLINER_KEY_PASSWORD. A job runs in a process of its own, which takes further ones of the same submitter.

SIGTERM or Ctrl-C: takes no more, gives what runs ten seconds to finish, and hands the rest back to the queue. A
worker that dies loses nothing either: others take its jobs within half a minute.

What other machines put into the queue counts where they are enrolled (milliner machine enroll).

A shared Redis (MILLINER_REDIS) must not evict keys, and should have appendonly yes. milliner queue users makes an ACL user
for each kind of machine. Redis 7.0 must keep its default user on (with a password): else it forgets transactions when it
reads its journal again.`;
  static override examples = [
    '<%= config.bin %> worker',
    '<%= config.bin %> worker --once',
    'MILLINER_REDIS=rediss://milliner:secret@redis.example.com <%= config.bin %> worker --jobs 4 --log json',
    '<%= config.bin %> worker --metrics 9464',
    '<%= config.bin %> worker --metrics /run/milliner/metrics.sock',
  ];
  static override flags = {
    once: Flags.boolean({ summary: 'end when the queue has nothing left for this worker', default: false }),
    key: Flags.string({
      summary: 'a private key to sign with; may be repeated',
      helpValue: 'FILE',
      multiple: true,
      default: [],
    }),
    only: Flags.option({ options: roles })({
      summary:
        'take a part of the work: build also locks and boots, sign also publishes and moves releases on',
    }),
    jobs: Flags.integer({
      char: 'j',
      summary: 'jobs at once; the number of cores unless given',
      min: 1,
      max: 1024,
    }),
    log: Flags.option({ options: ['text', 'json'] as const })({
      summary: 'text for people, the default on a terminal, or one JSON value a line',
    }),
    metrics: Flags.string({
      summary: 'serve the metrics at /metrics on this port of loopback, or on a unix socket with this path',
      helpValue: 'PORT|PATH',
    }),
  };

  async run(): Promise<object> {
    const { flags } = await this.parse(WorkerCommand);
    const options = this.runOptions(flags);
    const { state, storage, allowHostRoot, signal } = options;
    // Opening the state removes what a dead worker has left in it.
    await withContext(options, async () => undefined);
    const keyring = await this.#keys(flags.key, signal);
    const json = (flags.log ?? (process.stderr.isTTY ? 'text' : 'json')) === 'json';
    const log = (json ? jsonLog : textLog)(process.stderr);
    const connection = await connect(state, { signal, onTrouble: ({ message }) => log('warn', message) });
    try {
      const findings = await examine(state, allowHostRoot);
      const worker = new ReleaseWorker({
        state,
        storage,
        allowHostRoot,
        connection,
        slots: flags.jobs,
        keyring,
        only: flags.only,
        findings,
        nights: {},
        log,
      });
      const endpoint = await this.#serveMetrics(flags.metrics, worker, state, log);
      const unlessStopped = (error: unknown) => {
        if (!signal?.aborted) throw error;
      };
      try {
        await Promise.race([this.#work(worker, flags.once, signal), connection.closed]).catch(unlessStopped);
        if (!signal?.aborted) return { left: await this.#left(worker) };
        log('info', 'stopping');
        return {};
      } finally {
        await endpoint?.close();
        await worker.stop();
      }
    } finally {
      await connection.close();
    }
  }

  async #keys(paths: readonly string[], signal: AbortSignal | undefined): Promise<Keyring> {
    const asks = paths.length > 0;
    const password = asks
      ? await askPassword(`Password of ${paths.join(', ')}`, { confirm: false, signal })
      : process.env[passwordVariable];
    const keyring = new Keyring(password);
    for (const path of paths) await keyring.add(await identifyKey(path));
    return keyring;
  }

  async #serveMetrics(
    place: string | undefined,
    { queues }: ReleaseWorker,
    state: string,
    log: Log,
  ): Promise<LocalEndpoint | undefined> {
    if (place === undefined) return undefined;
    const endpoint = await serveLocally(/^\d{1,5}$/.test(place) ? Number(place) : resolve(place), {
      path: '/metrics',
      contentType: openMetricsType,
      read: async () =>
        openMetricsText(await readMetrics(state, this.config.version, await queueMetrics(queues))),
      onError: ({ message }) => log('warn', `metrics: ${message}`),
    });
    log('info', `serves metrics at ${endpoint.address}`);
    return endpoint;
  }

  /** Works until a signal, or with `once` until the queue is empty. */
  async #work(worker: ReleaseWorker, once: boolean, signal: AbortSignal | undefined): Promise<void> {
    await worker.start();
    const isOver = async () =>
      signal?.aborted || (once && (await isDone(worker.queues, worker.takes).catch(notWhileInTrouble)));
    while (!(await isOver())) await sleep(pollMilliseconds, undefined, { signal }).catch(() => undefined);
  }

  /** Unfinished releases: they wait for other workers, or for the next start of this one. */
  async #left({ queues }: ReleaseWorker): Promise<string[]> {
    return (await listReleases(queues, 0)).map(({ release }) => release);
  }
}

/** A Redis that does not answer for a while does not mean that the queue is empty. */
function notWhileInTrouble(error: unknown): false {
  if (queueTrouble(error)) return false;
  throw error;
}
