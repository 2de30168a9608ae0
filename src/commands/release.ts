import { Args, Flags } from '@oclif/core';
import { MillinerCommand } from '../cli/base-command.ts';
import { askPassword, passwordVariable } from '../cli/password.ts';
import { untrusted } from '../cli/repository-flags.ts';
import { MillinerError } from '../lib/errors/error.ts';
import { examine } from '../pipeline/setup/doctor.ts';
import { withContext, type RunOptions } from '../pipeline/state/context.ts';
import { layouts } from '../pipeline/trust/fetch-signatures.ts';
import { withConnection, type Connection } from '../queue/connection.ts';
import { follow, hasWorkers } from '../queue/follow.ts';
import { identifyKey, Keyring, rememberKey, type KeyId } from '../queue/keyring.ts';
import type { Log } from '../queue/log.ts';
import { Queues } from '../queue/queues.ts';
import type { ReleaseStatus } from '../queue/status.ts';
import { submit, type Submitted } from '../queue/submit.ts';
import { ReleaseWorker } from '../queue/worker.ts';

const noWorkerWarning = 'no worker takes it yet; start one with: milliner worker';

export default class ReleaseCommand extends MillinerCommand {
  static override summary = 'Release recipes: lock, build, boot, sign and publish them as jobs of the queue';
  static override description = `Each recipe becomes a release, after its base's, and goes through the queue: what fails in passing is tried again, what
is finished stays finished, and no tag moves before everything else is done. The recipe is taken as it is now, with its
lock if it has one. The same release twice is one.

Without MILLINER_REDIS the queue is this state directory's own, and while no worker runs, this command works itself.
With it (redis://, rediss://, unix:// or redis+sentinel://), workers on any machine take the jobs; they leave blobs for each other in
MILLINER_EXCHANGE, or where the image goes. Ctrl-C ends the waiting, not the release.`;
  static override examples = [
    '<%= config.bin %> release demo-base --key keys/release.key --to registry.example.com/demo/base:43',
    '<%= config.bin %> release demo-base demo-product --key keys/release.key --to "registry.example.com/{{name}}:{{date}}"',
    '<%= config.bin %> release fedora-mariadb --key keys/release.key --priority high --detach',
  ];
  static override strict = false;
  static override args = {
    recipe: Args.string({
      required: true,
      description: 'a recipe file, or a name in recipes/; may be repeated',
    }),
  };
  static override flags = {
    key: Flags.string({ summary: 'the private key', helpValue: 'FILE', required: true }),
    to: Flags.string({
      summary:
        "HOST/REPOSITORY:TAG in place of the recipe's own; {{name}}, {{release}}, {{date}}, {{arch}} stand for its; of several architectures, a tag without {{arch}} names an index of all images",
      helpValue: 'REF',
      multiple: true,
      default: [],
    }),
    priority: Flags.option({ options: ['high', 'normal', 'low'] as const, default: 'normal' as const })({
      summary: 'before or after others in the queue',
    }),
    untrusted,
    detach: Flags.boolean({ char: 'd', summary: 'queue it and return', default: false }),
    'plain-http': Flags.boolean({ summary: 'the registries have no TLS', default: false }),
    only: Flags.option({
      options: layouts,
      summary:
        'one layout of signatures, for a registry that refuses the other: .sig and .att tags, or sigstore bundles',
    })(),
    exchange: Flags.string({
      summary: 'HOST/REPOSITORY where workers leave blobs for each other',
      helpValue: 'PLACE',
      env: 'MILLINER_EXCHANGE',
    }),
  };

  async run(): Promise<object> {
    const { argv, flags } = await this.parse(ReleaseCommand);
    const options = this.runOptions(flags);
    const key = await identifyKey(flags.key);
    await rememberKey(options.state, key);
    const onTrouble = ({ message }: Error) => options.progress.warn(message);
    return withConnection(options.state, { signal: options.signal, onTrouble }, async (connection) => {
      const queues = new Queues(connection.redis, options.state);
      const own = new OwnWorker(options, connection, key);
      try {
        if (!flags.detach && !connection.shared && !(await hasWorkers(queues))) {
          await own.prepare(await this.#password(flags.key, options));
        }
        const releases = await this.#submit(queues, options, {
          recipes: argv as string[],
          key: key.id,
          to: flags.to,
          untrusted: flags.untrusted,
          plainHttp: flags['plain-http'],
          only: flags.only,
          priority: flags.priority,
          exchange: flags.exchange,
          shared: connection.shared,
        });
        if (flags.detach) return await this.#detached(queues, releases, options);
        return await this.#wait(queues, releases, own, options);
      } finally {
        await own.stop();
        await queues.close();
      }
    });
  }

  #password(key: string, { signal }: RunOptions): Promise<string> {
    return askPassword(`Password of ${key}`, { confirm: false, signal });
  }

  async #submit(queues: Queues, options: RunOptions, submission: Parameters<typeof submit>[2]) {
    return withContext(options, async (context) => {
      const releases = await submit(context, queues, submission);
      for (const { release, joined } of releases) {
        options.progress.step(`${release}: ${joined ? 'is in the queue already' : 'queued'}`);
      }
      return releases;
    });
  }

  async #detached(queues: Queues, releases: Submitted[], options: RunOptions): Promise<object> {
    if (!(await hasWorkers(queues))) options.progress.warn(noWorkerWarning);
    for (const { release } of releases) this.log(release);
    return { releases };
  }

  async #wait(queues: Queues, submitted: Submitted[], own: OwnWorker, options: RunOptions): Promise<object> {
    const ids = submitted.map(({ release }) => release);
    if (own.works && !(await hasWorkers(queues))) options.progress.warn(noWorkerWarning);
    const onPoll = async () => void (!own.works && !(await hasWorkers(queues)) && (await own.start()));
    const ended = await follow(queues, submitted, { ...options, onPoll }).catch((error: unknown) => {
      if (options.signal?.aborted) {
        options.progress.warn(
          `${ids.join(', ')} stays in the queue; give it up with: milliner queue cancel ID`,
        );
      }
      throw error;
    });
    const failed = ended.filter(({ state }) => state !== 'released');
    if (failed.length > 0) throw failure(ended, failed);
    for (const { report } of ended) {
      for (const { reference, manifestDigest } of report?.tags ?? [])
        this.log(`${reference} ${manifestDigest}`);
    }
    return { releases: ended };
  }
}

function failure(ended: ReleaseStatus[], failed: ReleaseStatus[]): MillinerError {
  const words = failed.map(({ release, state, error }) => {
    const reason = error ? `${error.code}: ${error.message}\n  ${error.hint}` : '';
    return `${release} ${state === 'cancelled' ? 'was cancelled' : `failed: ${reason}`}`;
  });
  return new MillinerError('RELEASE_FAILED', words.join('\n'), { details: { releases: ended } });
}

/** Starts a worker in this command's process if no other worker takes jobs from this state's queue. */
class OwnWorker {
  readonly #options: RunOptions;
  readonly #connection: Connection;
  readonly #key: KeyId;
  #keyring = new Keyring(process.env[passwordVariable]);
  #worker: ReleaseWorker | undefined;

  constructor(options: RunOptions, connection: Connection, key: KeyId) {
    this.#options = options;
    this.#connection = connection;
    this.#key = key;
  }

  /** Opens the key, so that a wrong password shows before anything is queued. */
  async prepare(password: string): Promise<void> {
    this.#keyring = new Keyring(password);
    await this.#keyring.add(this.#key);
  }

  /** Whether this command's worker runs, or is not needed because the queue belongs to several machines. */
  get works(): boolean {
    return this.#worker !== undefined || this.#connection.shared;
  }

  async start(): Promise<void> {
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
