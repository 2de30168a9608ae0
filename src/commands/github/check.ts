import { Args, Flags } from '@oclif/core';
import { MillinerCommand } from '../../cli/base-command.ts';
import { githubFlags } from '../../cli/github-flags.ts';
import { openGithub } from '../../cli/open-github.ts';
import { checkAccess, type CheckedAccess } from '../../github/permissions.ts';
import { MillinerError } from '../../lib/errors/error.ts';

export default class GithubCheckCommand extends MillinerCommand {
  static override summary = 'Show what the credentials may do on GitHub, and what is missing';
  static override description = `Compares the scopes of a classic token, the permissions of an App, or what a token with fine-grained permissions is allowed,
with what the release set asks for (github: in milliner.yaml). Nothing is changed: where GitHub does not tell the
permissions of a token, it is asked for what cannot succeed.`;
  static override examples = [
    '<%= config.bin %> github check',
    '<%= config.bin %> github check recipes/milliner.yaml --boot --json',
    '<%= config.bin %> github check --token-file ~/.github-token',
  ];
  static override args = {
    set: Args.string({
      description: 'a release set; the default is milliner.yaml here or in recipes/',
    }),
  };
  static override flags = {
    ...githubFlags,
    boot: Flags.boolean({
      summary: 'check what github pulls --boot needs too',
      default: false,
    }),
  };

  async run(): Promise<CheckedAccess> {
    const { args, flags } = await this.parse(GithubCheckCommand);
    const { github, settings } = await openGithub(this.runOptions(flags), args.set, flags);
    const answer = await checkAccess(github, settings, flags.boot);
    const { repository, base, credentials, scopes, permissions, rate } = answer;
    this.log(`${repository}  ${base}  ${credentials}${scopes ? `: ${scopes.join(', ')}` : ''}`);
    for (const { permission, access, granted, for: uses } of permissions)
      this.log(`${granted ? 'granted' : 'missing'}  ${permission}: ${access}  for ${uses.join(', ')}`);
    this.log(`${rate.remaining} of ${rate.limit} requests are left until ${rate.reset}`);
    const missing = permissions.filter(({ granted }) => !granted).map(({ permission }) => permission);
    if (missing.length === 0) return answer;
    throw new MillinerError('GITHUB_PERMISSION_MISSING', `${repository}: missing: ${missing.join(', ')}`, {
      ...(credentials === 'classic' && missing.includes('checks') && { hint: checksHint }),
      details: { ...answer },
    });
  }
}

const checksHint =
  'Check runs take a GitHub App, or the token of GitHub Actions. A classic token needs the scope repo for the rest.';
