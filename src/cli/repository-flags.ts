/** Flags of the commands that access repositories and registries. */
import { Flags } from '@oclif/core';

export const offline = Flags.boolean({
  summary: 'ask no server: use the metadata, packages and bases that the state has, and directories',
});

export const untrusted = Flags.boolean({
  summary:
    'the recipe is a stranger’s: refuse what it asks of this host (files, directories, tools, file systems) and servers without a public address',
  env: 'MILLINER_UNTRUSTED',
  default: false,
});
