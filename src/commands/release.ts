import { Args, Flags } from '@oclif/core';
import { MillinerCommand } from '../cli/base-command.ts';
import { askPassword, passwordVariable } from '../cli/password.ts';
import { untrusted } from '../cli/repository-flags.ts';
import { MillinerError } from '../lib/errors/error.ts';
import type { Published } from '../pipeline/publish/publish.ts';
import { releaseStack, toRelease, type ToRelease } from '../pipeline/publish/release-stack.ts';
import { withContext, type RunOptions } from '../pipeline/state/context.ts';
import { layouts } from '../pipeline/trust/fetch-signatures.ts';
import { withConnection } from '../queue/connection.ts';
import { hasWorkers } from '../queue/follow.ts';
import { identifyKey, rememberKey } from '../queue/keyring.ts';
import { noWorkerWarning, OwnWorker } from '../queue/own-worker.ts';
import { Queues } from '../queue/queues.ts';
import type { ReleaseStatus } from '../queue/status.ts';
import { submit, type Submitted } from '../queue/submit.ts';

export default class ReleaseCommand extends MillinerCommand {
  static override summary = 'Release recipes: lock, build, boot, sign and publish them as jobs of the queue';
  static override description = `Each recipe becomes a release, after its base's, and goes through the queue: what fails in passing is tried again, what
is finished stays finished, and no tag moves before everything else is done. The recipe is taken as it is now, with its
lock if it has one. The same release twice is one. Of a stack the images are released so; then it is booted and
published by this command itself.

Without MILLINER_REDIS the queue is this state directory's own, and while no worker runs, this command works itself.
With it (redis://, rediss://, unix:// or redis+sentinel://), workers on any machine take the jobs; they leave blobs for each other in
MILLINER_EXCHANGE, or where the image goes. Ctrl-C ends the waiting, not the release.`;
  static override examples = [
    '<%= config.bin %> release demo-base --key keys/release.key --to registry.example.com/demo/base:43',
    '<%= config.bin %> release demo-base demo-product --key keys/release.key --to "registry.example.com/{{name}}:{{date}}"',
    '<%= config.bin %> release fedora-mariadb --key keys/release.key --priority high --detach',
    '<%= config.bin %> release demo.stack --key keys/release.key --to "registry.example.com/demo/{{name}}:1"',
  ];
  static override strict = false;
  static override args = {
    recipe: Args.string({
      required: true,
      description: 'a recipe file, or a name in recipes/, or NAME.stack; may be repeated',
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
    const { recipes, stacks } = await toRelease(argv as string[], flags.to);
    const key = await identifyKey(flags.key);
    await rememberKey(options.state, key);
    const onTrouble = ({ message }: Error) => options.progress.warn(message);
    return withConnection(options.state, { signal: options.signal, onTrouble }, async (connection) => {
      if (stacks.length > 0 && (flags.detach || connection.shared)) throw refusedStack(flags.detach);
      const queues = new Queues(connection.redis, options.state);
      const own = new OwnWorker(options, { connection, key, password: process.env[passwordVariable] });
      try {
        if (!flags.detach) await own.prepare(queues, () => this.#password(flags.key, options));
        const releases = await this.#submit(queues, options, {
          recipes: recipes.map((recipe) => ({ recipe, to: flags.to, priority: flags.priority })),
          key: key.id,
          untrusted: flags.untrusted,
          plainHttp: flags['plain-http'],
          only: flags.only,
          exchange: flags.exchange,
          shared: connection.shared,
        });
        if (flags.detach) return await this.#detached(queues, releases, options);
        const answer = this.#show(await own.follow(queues, releases));
        return stacks.length === 0 ? answer : { ...answer, stacks: await this.#stacks(stacks, flags) };
      } finally {
        await own.stop();
        await queues.close();
      }
    });
  }

  #password(key: string, { signal }: Pick<RunOptions, 'signal'>): Promise<string> {
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

  /** Their images are released: what is left is done by this command itself. */
  async #stacks(
    stacks: ToRelease['stacks'],
    flags: Parameters<MillinerCommand['runOptions']>[0] &
      Pick<Parameters<typeof releaseStack>[2], 'to' | 'key' | 'only'> & { 'plain-http': boolean },
  ): Promise<object[]> {
    const { to, key, only, 'plain-http': plainHttp } = flags;
    return this.withContext(flags, async (context) => {
      const password = () => this.#password(key, context);
      const published: Published[] = [];
      for (const stack of stacks) {
        const one = await releaseStack(context, stack, { to, key, password, plainHttp, only });
        for (const reference of one.references) this.log(`${reference} ${one.manifestDigest}`);
        published.push(one);
      }
      return published;
    });
  }

  #show(ended: ReleaseStatus[]): object {
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

function refusedStack(detach: boolean): MillinerError {
  const given = detach ? '--detach' : 'MILLINER_REDIS';
  return new MillinerError(
    'USAGE',
    `a stack is booted and published by this command itself: not with ${given}`,
    {
      hint: `Release its images with ${given} first, then boot and publish the stack on a machine that has them.`,
    },
  );
}
