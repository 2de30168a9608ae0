import { Args, Flags } from '@oclif/core';
import { MillinerCommand } from '../../cli/base-command.ts';
import { githubFlags } from '../../cli/github-flags.ts';
import { openGithub } from '../../cli/open-github.ts';
import { offline } from '../../cli/repository-flags.ts';
import { MillinerError, type ErrorCode } from '../../lib/errors/error.ts';
import { updatePulls, type LockPulls } from '../../github/lock-pulls.ts';

export default class GithubPullsCommand extends MillinerCommand {
  static override summary = 'Propose new locks as pull requests';
  static override description = `Works out what a night would lock, and keeps one pull request on GitHub for each recipe whose lock would change: on the
branch milliner/lock/RECIPE, updated in place, and closed with its branch when nothing is left to change. What security
advisories fix has a pull request of its own, on milliner/security/RECIPE. Nothing is written in the checkout.

The release set names the repository (github: in milliner.yaml). A pull request that a person has closed stays closed
until the lock changes again, and a branch that others have pushed to is left alone.

With --boot each proposed lock is built and booted here, and the result is a check run, which takes a GitHub App or the
token of GitHub Actions. With automerge: in the set, a pull request whose lock has booted is merged.`;
  static override examples = [
    '<%= config.bin %> github pulls',
    '<%= config.bin %> github pulls recipes/milliner.yaml --boot --json',
    '<%= config.bin %> github pulls --app-id 4711 --app-key app.pem',
  ];
  static override args = {
    set: Args.string({
      description: 'a release set; the default is milliner.yaml here or in recipes/',
    }),
  };
  static override flags = {
    ...githubFlags,
    boot: Flags.boolean({ summary: 'build and boot each proposed lock, as a check run', default: false }),
    offline,
  };

  async run(): Promise<LockPulls> {
    const { args, flags } = await this.parse(GithubPullsCommand);
    const { github, loaded, settings } = await openGithub(this.runOptions(flags), args.set, flags);
    if (!settings.pulls)
      throw new MillinerError('USAGE', `${loaded.path}: github: pulls: they are turned off`);
    const answer = await this.withState(flags, (context) =>
      updatePulls(context, github, loaded, { boot: flags.boot }),
    );
    for (const { branch, outcome, url, boot } of answer.pulls)
      this.log([outcome.padEnd(9), branch, boot && `boot ${boot}`, url].filter(Boolean).join('  '));
    if (answer.pulls.length === 0) this.log('no lock would change');
    const [first] = answer.failed;
    if (!first) return answer;
    const others = answer.failed.length === 1 ? '' : ` (and ${answer.failed.length - 1} more failed)`;
    throw new MillinerError(first.code as ErrorCode, `${first.recipe}: ${first.message}${others}`, {
      hint: first.hint,
      details: { ...answer },
    });
  }
}
