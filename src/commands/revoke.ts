import { Args, Flags } from '@oclif/core';
import { MillinerCommand } from '../cli/base-command.ts';
import { askPassword } from '../cli/password.ts';
import { revoke } from '../pipeline/publish/revoke.ts';

export default class RevokeCommand extends MillinerCommand {
  static override summary = 'Say, signed, that a published image counts no more';
  static override description = `A signed revocation is hung on the image in the registry, in both layouts, and read back. From then on verify, recipes
that are built on the image and publish refuse it, also where the revocation is taken away again after they have seen it.
With --verdict, the verdicts that hang on the image now count no more: booted again and published, it has a new one.`;
  static override examples = [
    '<%= config.bin %> revoke registry.example.com/fedora/mariadb:43 --key keys/release.key --reason "CVE-2026-1234"',
    '<%= config.bin %> revoke registry.example.com/demo/base@sha256:... --key keys/release.key --reason "its worker was broken into" --verdict',
  ];
  static override args = {
    reference: Args.string({
      required: true,
      description: 'REGISTRY/REPOSITORY[:TAG][@DIGEST]; the tag is latest',
    }),
  };
  static override flags = {
    key: Flags.string({ summary: 'the private key that signed it', helpValue: 'FILE', required: true }),
    reason: Flags.string({
      summary: 'why, shown to clients that verify the image',
      helpValue: 'TEXT',
      required: true,
    }),
    verdict: Flags.boolean({ summary: 'only the verdicts that it booted', default: false }),
    'plain-http': Flags.boolean({ summary: 'the registry has no TLS', default: false }),
  };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(RevokeCommand);
    const options = this.runOptions(flags);
    const revoked = await revoke(
      {
        reference: args.reference,
        key: flags.key,
        password: () => askPassword(`Password of ${flags.key}`, { confirm: false, signal: options.signal }),
        reason: flags.reason,
        verdict: flags.verdict,
        plainHttp: flags['plain-http'],
      },
      options,
    );
    this.log(revoked.manifestDigest);
    return revoked;
  }
}
