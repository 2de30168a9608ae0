/** The flag that chooses what isolates instances. */
import { Flags } from '@oclif/core';
import { backendNames } from '../lib/container/backend-names.ts';

export const backendFlag = Flags.option({
  options: ['auto', ...backendNames] as const,
  helpValue: 'BACKEND',
  summary: `what isolates the instances, instead of the recipe's test.backend: auto, ${backendNames.join(', ')}`,
})();
