import { Args, Flags } from '@oclif/core';
import { archFlag } from '../cli/arch-flag.ts';
import { backendFlag } from '../cli/backend-flag.ts';
import { MillinerCommand } from '../cli/base-command.ts';
import { bootImage } from '../pipeline/instance/boot.ts';
import { bootFailure, passedLines, withRetries } from '../pipeline/instance/boot-result.ts';
import { writeVerdictPage } from '../site/verdict-page.ts';

export default class BootCommand extends MillinerCommand {
  static override summary = 'Boot an image in isolated containers and give a verdict';
  static override description =
    "Starts as many instances as the recipe's test asks for, each on a throw-away snapshot, without network and within the recipe's limits; waits until each is ready, runs the checks, watches, and stops it. With test.retries in the recipe, a boot that failed is repeated on a fresh snapshot, and the evidence of each attempt is kept. The verdict is kept by manifest digest: only what passed can be published.";
  static override examples = [
    '<%= config.bin %> boot demo-base',
    '<%= config.bin %> boot demo-mariadb --json',
    '<%= config.bin %> boot sha256:4f1c9a0e',
    '<%= config.bin %> boot demo-base --arch i686',
    '<%= config.bin %> boot demo-base --backend crun',
    '<%= config.bin %> boot demo-base --report verdict.html',
  ];
  static override args = {
    image: Args.string({ required: true, description: "a recipe's name or a manifest digest" }),
  };
  static override flags = {
    arch: archFlag,
    backend: backendFlag,
    report: Flags.string({ summary: 'write the verdict as one page of HTML, too', helpValue: 'FILE' }),
  };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(BootCommand);
    return this.withContext(flags, async (context) => {
      const verdict = await bootImage(context, args.image, flags);
      if (flags.report !== undefined) await writeVerdictPage(flags.report, verdict);
      if (!verdict.passed) throw bootFailure(verdict);
      for (const line of passedLines(verdict)) this.log(line);
      this.log(verdict.manifestDigest);
      return withRetries(verdict);
    });
  }
}
