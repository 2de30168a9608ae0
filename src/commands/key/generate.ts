import { resolve } from 'node:path';
import { Flags } from '@oclif/core';
import { MillinerCommand } from '../../cli/base-command.ts';
import { askPassword, passwordVariable } from '../../cli/password.ts';
import { MillinerError } from '../../lib/errors/error.ts';
import { generateKeyFiles, refuseExisting } from '../../pipeline/trust/key-files.ts';

export default class KeyGenerateCommand extends MillinerCommand {
  static override summary = 'Make a key pair that signs images';
  static override description =
    'ECDSA P-256 in the form of cosign, which can use it too. PREFIX.key is encrypted with a password: that of ' +
    `${passwordVariable}, or one that is asked for. PREFIX.pub is for everyone who pulls the images.`;
  static override examples = [
    '<%= config.bin %> key generate --out keys/release',
    `${passwordVariable}=... <%= config.bin %> key generate --out keys/nightly --json`,
  ];
  static override flags = {
    out: Flags.string({
      summary: 'where PREFIX.key and PREFIX.pub go',
      helpValue: 'PREFIX',
      default: 'milliner',
    }),
  };

  async run(): Promise<object> {
    const { flags } = await this.parse(KeyGenerateCommand);
    if (/(?:^|\/)\.{0,2}$/.test(flags.out)) {
      throw new MillinerError(
        'USAGE',
        `--out ${JSON.stringify(flags.out)} names a directory, not the files in it`,
      );
    }
    const prefix = resolve(flags.out);
    await refuseExisting(prefix);
    const password = await askPassword('Password for the new key', {
      confirm: true,
      signal: this.runOptions(flags).signal,
    });
    const files = await generateKeyFiles(prefix, password);
    this.log(files.privateKey);
    this.log(files.publicKey);
    return files;
  }
}
