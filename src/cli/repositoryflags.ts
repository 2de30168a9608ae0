/** Flags of the commands that ask repositories. */
import { Flags } from '@oclif/core';

export const offline = Flags.boolean({
  summary: 'ask no server: use the metadata and packages that the state has, and directories',
});
