import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Args, Flags } from '@oclif/core';
import { MillinerCommand } from '../cli/base-command.ts';
import { MillinerError } from '../lib/errors/error.ts';
import { writeFileAtomic } from '../lib/host/atomic-file.ts';
import { exportAs, exportFormats, type Exported } from '../pipeline/export/export-image.ts';

export default class ExportCommand extends MillinerCommand {
  static override summary = 'Write how podman, Compose or Kubernetes run an image or a stack';
  static override description = `With limits, ports, volumes, health and the digest, as the recipe says. quadlet writes units for podman's generator
(/etc/containers/systemd), kube objects that Kubernetes and podman kube play take, compose a file for Compose. What the format has no words for is told.`;
  static override examples = [
    '<%= config.bin %> export quadlet demo-product --output /etc/containers/systemd',
    '<%= config.bin %> export kube demo.stack > demo.yaml',
    '<%= config.bin %> export compose demo.stack --output .',
  ];
  static override args = {
    format: Args.string({ required: true, options: [...exportFormats], description: 'who is to run it' }),
    image: Args.string({
      required: true,
      description: 'a name, NAME@GENERATION or digest; or NAME.stack for a stack',
    }),
  };
  static override flags = {
    output: Flags.string({
      char: 'o',
      summary: 'write the files into this directory instead of to stdout',
      helpValue: 'DIR',
    }),
    reference: Flags.string({
      summary: 'where the image is or will be; default: where it was published or pulled from',
      helpValue: 'REGISTRY/REPOSITORY',
    }),
  };

  async run(): Promise<Exported> {
    const { args, flags } = await this.parse(ExportCommand);
    return this.withContext(flags, async (context) => {
      const format = exportFormats.find((one) => one === args.format)!;
      const exported = await exportAs(context, args.image, format, flags.reference);
      for (const lack of exported.lacks) this.warn(`${format} has no words for ${lack}`);
      for (const secret of exported.secrets) this.warn(`the secret ${secret} has to be made where it runs`);
      await this.#write(exported, flags.output);
      return exported;
    });
  }

  async #write({ files }: Exported, directory: string | undefined): Promise<void> {
    const all = Object.entries(files);
    if (directory === undefined && all.length > 1 && !this.jsonEnabled())
      throw new MillinerError('USAGE', `this makes ${all.length} files: name a directory with --output`);
    if (directory === undefined) {
      for (const [, text] of all) this.log(text.trimEnd());
      return;
    }
    await mkdir(directory, { recursive: true });
    for (const [name, text] of all) {
      await writeFileAtomic(join(directory, name), text);
      this.log(join(directory, name));
    }
  }
}
