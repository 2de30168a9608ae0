import { Args, Flags } from '@oclif/core';
import { MillinerCommand } from '../cli/base-command.ts';
import { confirm } from '../cli/confirm.ts';
import { parseRule } from '../lib/registry/retention-rule.ts';
import type { RetentionPlan } from '../pipeline/publish/plan-retention.ts';
import { applyRetention, type RetentionReport } from '../pipeline/publish/retention.ts';

export default class RetentionCommand extends MillinerCommand {
  static override summary = 'Remove old images from registries';
  static override description = `A rule is a pattern of tags, and how many of the newest stay (keep), for how long (age), or both: '43.*,keep=14,age=30d'.
A tag stays if one of the rules that match it keeps it. Tags that no rule matches stay, and so do those with a hold.
An image stays with all its tags if a tag or an index that stays names it, or if a tag that stays would go back to it.
Since when a tag names an image is read from the statements that the key has signed. Tags of which it states nothing stay.
With an image go its signatures, attestations and other referrers. Blobs go when the registry collects its garbage.
What would go is shown first, and removed after a yes.`;
  static override examples = [
    "<%= config.bin %> retention registry.example.com/fedora/mariadb --rule '43.*,keep=14,age=30d' --key keys/release.pub --dry-run",
    "<%= config.bin %> retention localhost:5000/demo-base localhost:5000/demo-product --rule '*.20*,keep=7' --rule 'pr-*,age=2w' --key keys/release.pub --yes --json",
  ];
  static override strict = false;
  static override args = {
    repository: Args.string({ required: true, description: 'HOST[:PORT]/REPOSITORY; several may be given' }),
  };
  static override flags = {
    rule: Flags.string({
      summary: 'which tags stay; may be repeated',
      helpValue: 'GLOB,keep=N,age=30d',
      multiple: true,
      required: true,
    }),
    key: Flags.string({
      summary: 'the public key that signed the images',
      helpValue: 'FILE',
      required: true,
    }),
    'dry-run': Flags.boolean({ summary: 'show what would go, and remove nothing', default: false }),
    yes: Flags.boolean({ summary: 'remove without a question', default: false, exclusive: ['dry-run'] }),
    'plain-http': Flags.boolean({ summary: 'the registry has no TLS', default: false }),
  };

  async run(): Promise<RetentionReport> {
    const { argv, flags } = await this.parse(RetentionCommand);
    const rules = flags.rule.map(parseRule);
    const report = await this.withContext(flags, (context) =>
      applyRetention(
        {
          repositories: argv as string[],
          rules,
          key: flags.key,
          plainHttp: flags['plain-http'],
          now: Date.now(),
          confirm: flags.yes ? undefined : (plans) => this.#ask(plans, flags['dry-run'], context.signal),
        },
        context,
      ),
    );
    const isShown = !flags.yes && !flags['dry-run'] && report.removed !== undefined;
    if (!isShown) for (const plan of report.repositories) this.#show(plan, (line) => this.log(line));
    for (const { repository, digest } of report.removed ?? []) this.log(`removed  ${repository}@${digest}`);
    return report;
  }

  async #ask(plans: readonly RetentionPlan[], isDryRun: boolean, signal?: AbortSignal): Promise<boolean> {
    if (isDryRun) return false;
    // Under --json stdout is for the answer alone.
    const tell = (line: string) => (this.jsonEnabled() ? this.logToStderr(line) : this.log(line));
    for (const plan of plans) this.#show(plan, tell);
    const count = plans.reduce((sum, { images }) => sum + images.length, 0);
    return confirm(`Remove ${count} ${count === 1 ? 'image' : 'images'}?`, { signal });
  }

  #show({ repository, tags, images }: RetentionPlan, tell: (line: string) => void): void {
    tell(repository);
    for (const { tag, stays, since, reason } of tags) {
      const time = since?.slice(0, 10) ?? 'unknown';
      tell(`  ${stays ? 'stays' : 'goes '}  ${time.padEnd(10)}  ${tag}  (${reason})`);
    }
    const untagged = images.filter((image) => image.tags.length === 0);
    for (const { digest } of untagged) tell(`  goes   ${digest}`);
  }
}
