/** Flags of the commands that ask repositories and registries. */
import { Flags } from '@oclif/core';

export const offline = Flags.boolean({
  summary: 'ask no server: use the metadata, packages and bases that the state has, and directories',
});
