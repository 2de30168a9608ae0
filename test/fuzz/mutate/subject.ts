/** One kind of input, and its reader. */
import type { ErrorCode } from '../../../src/lib/errors/error.ts';
import type { Random } from '../../helpers/random.ts';
import type { Originals } from './original-files.ts';

/** A file; readers tell compressions by the ending of its name. */
interface Input {
  ending: string;
  bytes: Buffer;
}

export interface Subject {
  /** The same input for the same originals and the same chance. */
  mutate(originals: Originals, random: Random): Input;
  /**
   * Reads it as the tool does, to the end; beside the input it may write what it likes. `onAddon`: for those that the
   * addon gets only if nothing has refused them before.
   */
  read(path: string, originals: Originals, onAddon: () => void): Promise<void>;
  /** The only errors that it may end with. */
  refusals: readonly ErrorCode[];
  /** It runs in the addon: under the sanitizers too. */
  isNative?: true;
  /** How many of all inputs are of this kind, where others have one. */
  share?: number;
}
