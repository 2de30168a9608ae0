import { Args, Flags } from '@oclif/core';
import { MillinerCommand } from '../cli/base-command.ts';
import { nightLines } from '../cli/format-night.ts';
import { sourcesOfEnvironment } from '../cli/github-flags.ts';
import { planLines } from '../cli/format-plan.ts';
import { askPassword, passwordVariable } from '../cli/password.ts';
import { offline } from '../cli/repository-flags.ts';
import { reportFailure, reportNight } from '../github/report-night.ts';
import { errorTable, exitCodes, MillinerError, type ErrorCode } from '../lib/errors/error.ts';
import { isPassing } from '../nightly/night-failure.ts';
import { runNight, type Night } from '../nightly/run-night.ts';
import { planNight, type NightPlan } from '../pipeline/night/plan-night.ts';

/** Milliseconds that a night waits for GitHub's rate limits; the next night makes up for what is missing. */
const maxGithubWait = 120_000;
/** Names of failed recipes in the error; all of them are in the report. */
const maxNames = 20;

export default class NightlyCommand extends MillinerCommand {
  static override summary = 'Carry what has changed in the repositories to the images of a release set';
  static override description = `Asks each repository and each base of others once, works out what a new lock of every recipe of the set would change,
and carries that through the bases to every image. Then the new locks are written beside the recipes, and the images are
built, booted, signed and published through the queue, bases first and security fixes before the rest; see release for
who works. The policy of the set says which packages move: all, those with security advisories, or none; what is held
stays. With github: in the set, the night is then shown there, as github report does; what fails there changes nothing of
the night.

A recipe that fails keeps its last good tags, and everything that does not stand on it goes on: the exit code is that of
NIGHT_FAILED then. Run again after an interruption, it completes what is left. Where nothing has changed it writes
nothing, moves no tag, and says so.

With --dry-run nothing is written but metadata that has changed: no lock, no image, no tag. A package that a lock has and
no repository has any more is fetched, and so is a base that the state does not have. The same locks and metadata give
the same plan. The exit code is then that of the first recipe that cannot be planned.`;
  static override examples = [
    '<%= config.bin %> nightly',
    '<%= config.bin %> nightly recipes/milliner.yaml --json',
    '<%= config.bin %> nightly --retry demo-mariadb',
    '<%= config.bin %> nightly --dry-run',
    '<%= config.bin %> nightly --dry-run --offline',
  ];
  static override args = {
    set: Args.string({
      description: 'a release set; the default is milliner.yaml here or in recipes/',
    }),
  };
  static override flags = {
    'dry-run': Flags.boolean({ summary: 'print the plan, and do nothing of it', default: false }),
    retry: Flags.string({
      summary: 'a recipe that is tried though it is quarantined',
      multiple: true,
      helpValue: 'RECIPE',
      default: [],
      exclusive: ['dry-run'],
    }),
    offline,
    'allow-older': Flags.string({
      summary: 'a repository whose metadata may be older than what was seen of it',
      multiple: true,
      helpValue: 'NAME',
    }),
    'plain-http': Flags.boolean({ summary: 'the registries have no TLS', default: false }),
    exchange: Flags.string({
      summary: 'HOST/REPOSITORY where workers leave blobs for each other',
      helpValue: 'PLACE',
      env: 'MILLINER_EXCHANGE',
    }),
  };

  async run(): Promise<NightPlan | Night> {
    const { args, flags } = await this.parse(NightlyCommand);
    this.endWithWorker();
    if (flags['dry-run'])
      return this.#showPlan(await this.withState(flags, (context) => planNight(context, args.set)));
    const options = this.runOptions(flags);
    const told = { set: args.set, sources: sourcesOfEnvironment(), maxWait: maxGithubWait };
    const night = await runNight(options, {
      set: args.set,
      retried: flags.retry,
      // A worker does other nights meanwhile.
      wait: !process.channel,
      plainHttp: flags['plain-http'],
      exchange: flags.exchange,
      password: process.env[passwordVariable],
      askPassword: (key) => askPassword(`Password of ${key}`, { confirm: false, signal: options.signal }),
    }).catch(async (error: unknown) => {
      await reportFailure(options, told, error);
      throw error;
    });
    const idle = night.stored === undefined ? { idle: night.report } : undefined;
    // All is published, and the turn of the set is over: nothing waits for GitHub.
    night.failures.push(...(await reportNight(options, told, idle)));
    return this.#show(night);
  }

  #showPlan(plan: NightPlan): NightPlan {
    for (const line of planLines(plan)) this.log(line);
    const [first] = plan.failed;
    if (first) process.exitCode = exitCodes[errorTable[first.code as ErrorCode].kind];
    return plan;
  }

  #show(night: Night): Night {
    const { set, images } = night.report;
    for (const line of nightLines(night.report)) this.log(line);
    const failed = images.filter(({ outcome }) => outcome === 'failed');
    if (failed.length === 0) return night;
    const first = failed.slice(0, maxNames).map(({ recipe }) => recipe);
    const names = `${first.join(', ')}${failed.length > maxNames ? ', ...' : ''}`;
    const message = `${set}: ${failed.length} of ${images.length} images failed: ${names}`;
    // Where all may pass, so may the night: a worker then runs it again.
    const codes = failed.map(({ failure }) => failure?.code ?? 'NIGHT_FAILED');
    const code = codes.every(isPassing) ? (codes[0] as ErrorCode) : 'NIGHT_FAILED';
    throw new MillinerError(code, message, { details: { ...night } });
  }
}
