/** The flag that chooses one of a recipe's architectures. */
import { Flags } from '@oclif/core';
import { arches } from '../lib/host/arch.ts';

export const archFlag = Flags.string({
  options: arches,
  helpValue: 'ARCH',
  summary: 'which of its architectures; the default is that of this host',
});
