import { once } from 'node:events';
import { Args, Flags } from '@oclif/core';
import { archFlag } from '../cli/arch-flag.ts';
import { backendFlag } from '../cli/backend-flag.ts';
import { MillinerCommand } from '../cli/base-command.ts';
import { MillinerError } from '../lib/errors/error.ts';
import { failureOf } from '../lib/errors/wire.ts';
import { startDetached } from '../lib/host/detached.ts';
import { bootImage, type BootOptions } from '../pipeline/instance/boot.ts';
import {
  bootFailure,
  comparisonLines,
  passedLines,
  passedStackLines,
  stackFailure,
  withRetries,
} from '../pipeline/instance/boot-result.ts';
import { bootStack } from '../pipeline/instance/boot-stack.ts';
import { answerOf, reportToParent } from '../pipeline/instance/detach.ts';
import { findStack } from '../pipeline/instance/find-stack.ts';
import { openShell, openShellInNew } from '../pipeline/instance/instance-shell.ts';
import { isStackName } from '../pipeline/instance/stack-words.ts';
import { writeVerdictPage } from '../site/verdict-page.ts';

type Held = Parameters<NonNullable<BootOptions['onHeld']>>[1];
type Verdict = Awaited<ReturnType<typeof bootImage>>;
type Kept = Held[number]['running'];
type Context = Parameters<typeof bootImage>[0];

interface Answer {
  verdict: Verdict;
  kept: Kept[];
}

export default class BootCommand extends MillinerCommand {
  static override summary = 'Boot an image in isolated containers and give a verdict';
  static override description =
    "Starts as many instances as the recipe's test asks for, each on a throw-away snapshot, without network and within the recipe's limits; waits until each is ready, runs the checks, watches, and stops it. With test.retries in the recipe, a boot that failed is repeated on a fresh snapshot, and the evidence of each attempt is kept. The verdict is compared with that of the last good boot, and kept by manifest digest: only what passed can be published.";
  static override examples = [
    '<%= config.bin %> boot demo-base',
    '<%= config.bin %> boot demo-mariadb --json',
    '<%= config.bin %> boot sha256:4f1c9a0e',
    '<%= config.bin %> boot demo-base --arch i686',
    '<%= config.bin %> boot demo-base --backend crun',
    '<%= config.bin %> boot demo-base --report verdict.html',
    '<%= config.bin %> boot demo-mariadb --keep --logs',
    '<%= config.bin %> boot demo.stack',
  ];
  static override args = {
    image: Args.string({
      required: true,
      description: "a recipe's name or a manifest digest; or NAME.stack for a stack of images",
    }),
  };
  static override flags = {
    arch: archFlag,
    backend: backendFlag,
    report: Flags.string({ summary: 'write the verdict as one page of HTML, too', helpValue: 'FILE' }),
    logs: Flags.boolean({ summary: 'show what the instances write, and their journals, as they boot' }),
    keep: Flags.boolean({ summary: 'leave a failed instance running, for exec, logs and stop' }),
    shell: Flags.boolean({
      summary: 'open a shell in an instance that has failed, or in a new one if all passed',
      exclusive: ['keep', 'json'],
    }),
    supervise: Flags.boolean({ hidden: true }),
  };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(BootCommand);
    if (isStackName(args.image)) {
      const { arch, report, keep, shell, logs } = flags;
      requireNone({ arch, report, keep, shell, logs });
      return this.withContext(flags, (context) => this.#bootStack(context, args.image, flags.backend));
    }
    if (flags.keep && !flags.supervise) return this.#bootDetached(args.image, flags);
    return this.withContext(flags, async (context) => {
      if (flags.supervise) return this.#supervise(context, args.image, flags);
      const onHeld = async (made: Verdict, [first]: Held) => {
        for (const { code, message } of made.causes) this.logToStderr(`${code}: ${message}`);
        await openShell(context, first!.running.id);
      };
      const onSaid = (instance: number, line: string) => this.logToStderr(`${instance}  ${line}`);
      const verdict = await bootImage(context, args.image, {
        ...flags,
        ...(flags.logs && { onSaid }),
        ...(flags.shell && { onHeld }),
      });
      if (flags.shell && verdict.passed) await openShellInNew(context, verdict.manifestDigest, flags.backend);
      return this.#show({ verdict, kept: [] }, flags.report);
    });
  }

  /** Another process boots the image, and supervises what stays. */
  async #bootDetached(
    image: string,
    flags: Parameters<MillinerCommand['runOptions']>[0] & {
      arch: string | undefined;
      backend: string | undefined;
      report: string | undefined;
      logs: boolean;
    },
  ): Promise<object> {
    const { state, storage, allowHostRoot, signal } = this.runOptions(flags);
    const values = {
      '--state': state,
      '--storage': storage,
      '--arch': flags.arch,
      '--backend': flags.backend,
    };
    const answer = await answerOf<Answer>(
      startDetached([
        process.argv[1]!,
        'boot',
        image,
        ...Object.entries(values).flatMap(([name, value]) => (value === undefined ? [] : [name, value])),
        ...(allowHostRoot ? ['--allow-host-root'] : []),
        ...(flags.logs ? ['--logs'] : []),
        '--supervise',
      ]),
      signal,
      (line) => this.logToStderr(line),
    );
    if (!answer.verdict.passed && answer.kept.length === 0)
      this.logToStderr('no instance is left: each has ended');
    return this.#show(answer, flags.report);
  }

  async #supervise(context: Context, image: string, flags: BootOptions & { logs: boolean }): Promise<object> {
    const onSaid = (instance: number, line: string) => reportToParent({ line: `${instance}  ${line}` });
    try {
      const verdict = await bootImage(context, image, {
        ...flags,
        ...(flags.logs && { onSaid }),
        onHeld: async (made, held) => {
          const kept = held.map(({ running }) => running);
          reportToParent<Answer>({ answer: { verdict: made, kept } });
          const stopped = context.signal ? once(context.signal, 'abort') : new Promise(() => {});
          await Promise.race([Promise.all(held.map(({ ended }) => ended)), stopped]);
        },
      });
      // Nothing is sent if the parent has its answer.
      reportToParent<Answer>({ answer: { verdict, kept: [] } });
      return {};
    } catch (error) {
      reportToParent({ error: failureOf(error) });
      throw error;
    }
  }

  async #show({ verdict, kept }: Answer, report: string | undefined): Promise<object> {
    if (report !== undefined) await writeVerdictPage(report, verdict);
    for (const { id } of kept) {
      this.logToStderr(
        `${id} is left running: milliner exec ${id} -- sh, milliner logs ${id}, milliner stop ${id}`,
      );
    }
    if (!verdict.passed) throw bootFailure(verdict, undefined, kept);
    for (const line of comparisonLines(verdict)) this.logToStderr(line);
    for (const line of passedLines(verdict)) this.log(line);
    this.log(verdict.manifestDigest);
    return withRetries(verdict);
  }

  async #bootStack(context: Context, name: string, backend: BootOptions['backend']): Promise<object> {
    const verdict = await bootStack(context, await findStack(context, name), backend);
    if (!verdict.passed) throw stackFailure(verdict);
    for (const line of passedStackLines(verdict)) this.log(line);
    this.log(verdict.stackDigest);
    return verdict;
  }
}

/** Throws USAGE. */
function requireNone(flags: Record<string, string | boolean | undefined>): void {
  const given = Object.entries(flags).find(([, value]) => value !== undefined && value !== false);
  if (given) throw new MillinerError('USAGE', `--${given[0]} is for images, and not for stacks`);
}
