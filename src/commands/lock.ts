import { Args, Flags } from '@oclif/core';
import { MillinerCommand } from '../cli/base-command.ts';
import { changeLines, summaryLine } from '../cli/format-lock-changes.ts';
import { absenceLines, presenceLines } from '../cli/format-explanation.ts';
import { offline, untrusted } from '../cli/repository-flags.ts';
import { MillinerError } from '../lib/errors/error.ts';
import { confine } from '../lib/http/reach.ts';
import { updateCost } from '../pipeline/lock/layer-plan.ts';
import { changesOfBase, changesOfLocks, isEmpty, type SetChanges } from '../pipeline/lock/lock-changes.ts';
import { lock, type MadeLock } from '../pipeline/lock/lock.ts';
import { explainAbsence, explainPresence } from '../pipeline/report/explain-package.ts';

export default class LockCommand extends MillinerCommand {
  static override summary = 'Solve a recipe and write down the answer';
  static override description = `Writes RECIPE.lock.json beside the recipe: every package of the image and of the tool root with its URL, size, sha256
and source RPM, and which packages share a layer, and says what changes. The layers of the last lock are kept: new packages
join, nothing else moves. A base without a lock is locked too.

All packages are solved anew. With --update NAME... those of the last lock stay, but for the packages of that name (or
of a source package of that name; globs will do) and what they need; what the recipe asks for newly comes, what nothing
asks for any more goes.

Repositories are asked every time, and send what has changed; metadata older than what was seen before is refused.`;
  static override examples = [
    '<%= config.bin %> lock recipes/fedora-base.yaml',
    '<%= config.bin %> lock fedora-base --update openssl "systemd*"',
    '<%= config.bin %> lock demo-base --why libssl3',
    '<%= config.bin %> lock demo-base --why-not man-db',
    '<%= config.bin %> lock demo-base --json',
    '<%= config.bin %> lock demo-base --offline',
    '<%= config.bin %> lock fedora-base --allow-older updates',
  ];
  static override strict = false;
  static override args = {
    recipe: Args.string({ required: true, description: 'a recipe file, or a name in recipes/' }),
    name: Args.string({ description: 'with --update, a package that moves; may be repeated' }),
  };
  static override flags = {
    update: Flags.boolean({ summary: 'move only the packages that are named; without names, all' }),
    why: Flags.string({
      summary: 'lock nothing, but tell how a package came into the lock',
      helpValue: 'NAME',
      exclusive: ['update', 'why-not'],
    }),
    'why-not': Flags.string({
      summary: 'lock nothing, but tell why a package is not in the lock',
      helpValue: 'NAME',
      exclusive: ['update'],
    }),
    arch: Flags.string({ summary: 'of --why and --why-not; the default is that of this host' }),
    offline,
    untrusted,
    'allow-older': Flags.string({
      summary:
        'a repository whose metadata may be older than what was seen of it; from then on that is what was seen',
      multiple: true,
      helpValue: 'NAME',
    }),
  };

  async run(): Promise<object> {
    const { args, argv, flags } = await this.parse(LockCommand);
    if (flags.untrusted) confine();
    const names = (argv as string[]).slice(1);
    if (names.length > 0 && !flags.update) {
      throw new MillinerError('USAGE', `${names.join(' ')}: names of packages need --update`, {
        hint: 'Run milliner lock RECIPE --update NAME, with as many names as needed.',
      });
    }
    return this.withContext(flags, async (context) => {
      const { why, 'why-not': whyNot, arch } = flags;
      if (why !== undefined)
        return this.#tell(await explainPresence(context, args.recipe, why, arch), presenceLines);
      if (whyNot !== undefined)
        return this.#tell(await explainAbsence(context, args.recipe, whyNot, arch), absenceLines);
      return this.#show(await lock(context, args.recipe, names.length > 0 ? names : undefined));
    });
  }

  #tell<T extends object>(report: T, lines: (report: T) => string[]): T {
    for (const line of lines(report)) this.log(line);
    return report;
  }

  #show({ lock: made, path, costs, previous }: MadeLock & { path: string }): object {
    const changes = previous && changesOfLocks(previous, made);
    const arches = Object.fromEntries(
      Object.entries(made.arches).map(([arch, answer]) => [
        arch,
        {
          packages: answer.packages.length,
          downloadSize: answer.packages.reduce((sum, one) => sum + one.size, 0),
          layers: answer.layers.plan.length,
          base: changesOfBase(answer),
          expected: costs[arch]!,
          ...(previous?.arches[arch] && { update: updateCost(previous.arches[arch], answer) }),
          ...(changes && { changes: changes[arch] }),
          tools: Array.isArray(answer.tools) ? answer.tools.length : `host rpm ${answer.tools.host}`,
        },
      ]),
    );
    for (const [arch, { packages, downloadSize, layers, expected, update }] of Object.entries(arches)) {
      this.log(`${path}: ${arch}: ${packages} packages, ${megabytes(downloadSize)}`);
      this.log(
        `  ${layers} layers: an update is expected to cost ${megabytes(expected.update)}, its packages ${megabytes(expected.packages)}`,
      );
      if (update && update.packages > 0) {
        this.log(
          `  since the last lock: ${update.changedLayers} layers, ${megabytes(update.download)}, for ${megabytes(update.packages)} of packages`,
        );
      }
    }
    for (const [arch, { base }] of Object.entries(arches)) {
      if (!isEmpty(base)) this.#showChanges(`${arch}: packages of the base`, base);
    }
    for (const [arch, { packages, tools }] of Object.entries(changes ?? {})) {
      this.#showChanges(arch, packages);
      if (!isEmpty(tools)) this.#showChanges(`${arch} tools`, tools);
    }
    return { name: made.recipe, path, lockDigest: made.digest, arches };
  }

  #showChanges(what: string, changes: SetChanges): void {
    this.log(summaryLine(what, changes));
    for (const line of changeLines(changes)) this.log(`  ${line}`);
  }
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
