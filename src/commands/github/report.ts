import { Args } from '@oclif/core';
import { MillinerCommand } from '../../cli/base-command.ts';
import { githubFlags, sourcesOf } from '../../cli/github-flags.ts';
import type { ShownNights } from '../../github/report-nights.ts';
import { reportSet } from '../../github/report-set.ts';
import { MillinerError } from '../../lib/errors/error.ts';

export default class GithubReportCommand extends MillinerCommand {
  static override summary = 'Show the nights of a release set on GitHub: releases, statuses and issues';
  static override description = `For each image that the stored nights of the set have published, a release with notes, how to verify it, the bills of materials and the verdict; the status of the commit that changed its recipe last; an issue for a night that failed and one for each recipe that fails, which open and close by themselves. The release set says where, and which of these (github:).

What is there already is compared and not written again, so that a second run writes nothing, and a run that was cut off is completed by the next. A night of a set with github: does the same at its end.`;
  static override examples = [
    '<%= config.bin %> github report',
    '<%= config.bin %> github report recipes/milliner.yaml --token-file /etc/milliner/github.token',
    '<%= config.bin %> github report --app-id 4711 --app-key /etc/milliner/app.pem --json',
  ];
  static override args = {
    set: Args.string({ description: 'a release set; the default is milliner.yaml here or in recipes/' }),
  };
  static override flags = githubFlags;

  async run(): Promise<ShownNights> {
    const { args, flags } = await this.parse(GithubReportCommand);
    const request = { set: args.set, sources: sourcesOf(flags), maxWait: flags['max-wait'] * 60_000 };
    const shown = await reportSet(this.runOptions(flags), request);
    if (!shown) throw new MillinerError('USAGE', 'the release set names no repository on GitHub', { hint });
    for (const { recipe, url } of shown.releases) this.log(`${recipe}  ${url}`);
    this.log(`${shown.repository}: ${shown.writes} changes`);
    const [first, ...others] = shown.failures;
    if (!first) return shown;
    const more = others.length > 0 ? `, and ${others.length} more failures` : '';
    const details = { ...shown };
    throw new MillinerError(first.code, `${first.message}${more}`, { hint: first.hint, details });
  }
}

const hint = 'Give it github: { repository: OWNER/NAME }.';
