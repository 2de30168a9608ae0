import { Args, Flags } from '@oclif/core';
import { MillinerCommand } from '../cli/base-command.ts';
import { offline, untrusted } from '../cli/repository-flags.ts';
import { arches } from '../lib/host/arch.ts';
import { confine } from '../lib/http/reach.ts';
import { build } from '../pipeline/build/build.ts';
import { checkReproducible } from '../pipeline/build/check-reproducible.ts';

export default class BuildCommand extends MillinerCommand {
  static override summary = 'Build the image of a locked recipe';
  static override description = `Locks first if there is no lock; refuses a lock that is stale or was edited. Bases are built before what stands on
them, and what is unchanged is not built again.

Users and groups keep their ids: RECIPE.ids.json beside the lock is their ledger, to be kept in git with it. Names that are
new are added; those that it has get its ids, also where a scriptlet has taken another free one; a name that it has and the
image has not keeps its number. Where an id is not free to choose (below 100, or the base's), the build is refused. A line
written by hand gives a name that number.`;
  static override examples = [
    '<%= config.bin %> build demo-base',
    '<%= config.bin %> build recipes/fedora-mariadb.yaml --output ./layout',
    '<%= config.bin %> build demo-product --check',
    '<%= config.bin %> build ./my-images/my-base.yaml --arch x86_64_v2',
  ];
  static override args = {
    recipe: Args.string({ required: true, description: 'a recipe file, or a name in recipes/' }),
  };
  static override flags = {
    output: Flags.string({ char: 'o', summary: 'OCI layout to put the image into, tagged with its name' }),
    check: Flags.boolean({
      summary: 'build twice from nothing and name the first path that differs',
      exclusive: ['output'],
    }),
    arch: Flags.string({
      options: arches,
      helpValue: 'ARCH',
      summary: "which of the recipe's; the default is that of this host",
    }),
    offline,
    untrusted,
  };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(BuildCommand);
    if (flags.untrusted) confine();
    const began = Date.now();
    return this.withContext(flags, async (context) => {
      const options = { arch: flags.arch, output: flags.output };
      const record = await (flags.check ? checkReproducible : build)(context, args.recipe, options);
      const seconds = (Date.now() - began) / 1000;
      this.log(record.manifestDigest);
      const { name, manifestDigest, configDigest, layers, packages, lockDigest } = record;
      return {
        name,
        manifestDigest,
        configDigest,
        layers: layers.map(({ digest, diffID, size, mediaType }) => ({ digest, diffID, size, mediaType })),
        packages: packages.length,
        lockDigest,
        seconds,
        ...(flags.check && { reproducible: true }),
      };
    });
  }
}
