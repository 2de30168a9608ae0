import { Args, Flags } from '@oclif/core';
import { MillinerCommand } from '../cli/base-command.ts';
import { planLines } from '../cli/format-plan.ts';
import { offline } from '../cli/repository-flags.ts';
import { errorTable, exitCodes, type ErrorCode } from '../lib/errors/error.ts';
import { planNight, type NightPlan } from '../pipeline/night/plan-night.ts';

export default class NightlyCommand extends MillinerCommand {
  static override summary = 'Plan what a release set needs after changes in its repositories';
  static override description = `Asks each repository and each base of others once, works out what a new lock of every recipe of the set would change,
and carries that through the bases to every image: which are made anew, why, in which order, and what a reader of the last
image downloads. The policy of the set says which packages move: all, those with security advisories, or none; what is held
stays.

Nothing is written but metadata that has changed: no lock, no image, no tag. A package that a lock has and no repository
has any more is fetched, and so is a base that the state does not have. The same locks and metadata give the same plan.

A recipe that cannot be planned does not keep others from it. The exit code is then that of the first such error.`;
  static override examples = [
    '<%= config.bin %> nightly --dry-run',
    '<%= config.bin %> nightly recipes/milliner.yaml --dry-run --json',
    '<%= config.bin %> nightly --dry-run --offline',
  ];
  static override args = {
    set: Args.string({
      description: 'a release set; the default is milliner.yaml here or in recipes/',
    }),
  };
  static override flags = {
    'dry-run': Flags.boolean({ required: true, summary: 'print the plan, and do nothing of it' }),
    offline,
    'allow-older': Flags.string({
      summary: 'a repository whose metadata may be older than what was seen of it',
      multiple: true,
      helpValue: 'NAME',
    }),
  };

  async run(): Promise<NightPlan> {
    const { args, flags } = await this.parse(NightlyCommand);
    const plan = await this.withState(flags, (context) => planNight(context, args.set));
    for (const line of planLines(plan)) this.log(line);
    const [first] = plan.failed;
    if (first) process.exitCode = exitCodes[errorTable[first.code as ErrorCode].kind];
    return plan;
  }
}
