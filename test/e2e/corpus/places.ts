/** Where the files lie that a truth names. */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Corpus } from './outcome.ts';

/** Truths lie in folders such as `_oracle`; what they name is relative to what holds that folder, or to the whole corpus. */
export function placeOf({ directory }: Corpus, truth: string, named: string): string {
  const near = join(directory, dirname(dirname(truth)), named);
  return existsSync(near) ? near : join(directory, named);
}
