/** Flags of the commands that state what a tag names. */
import { Flags } from '@oclif/core';
import { defaultLife } from '../pipeline/publish/next-standings.ts';
import { layouts } from '../pipeline/trust/fetch-signatures.ts';

const secondsOfDay = 86_400;

export const statementFlags = {
  'valid-days': Flags.integer({
    summary: 'how long it is stated what the tags name; publish again before that is over',
    default: defaultLife / secondsOfDay,
    min: 1,
    max: 3650,
  }),
  'plain-http': Flags.boolean({ summary: 'the registries have no TLS', default: false }),
  only: Flags.option({
    options: layouts,
    summary:
      'one layout of signatures, for a registry that refuses the other: .sig and .att tags, or sigstore bundles',
  })(),
};

type StatementFlags = Record<'valid-days', number> &
  Record<'plain-http', boolean> & { only?: (typeof layouts)[number] | undefined };

export function statementOptions(flags: StatementFlags) {
  return { plainHttp: flags['plain-http'], only: flags.only, life: flags['valid-days'] * secondsOfDay };
}
