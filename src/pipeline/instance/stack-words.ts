/** What the words of a command line mean where a stack may be meant. */
import { MillinerError } from '../../lib/errors/error.ts';

/** Whether a word means a stack: NAME.stack, or the path of NAME.stack.yaml. */
export function isStackName(word: string): boolean {
  return /\.stack(?:\.yaml)?$/.test(word);
}

/** Whether a word means a published stack: HOST/REPOSITORY with a tag or digest, unless an image here has that name. */
export function isStackReference(word: string): boolean {
  return word.includes('/') && !isStackName(word);
}

/** Of NAME=FILE each. Throws USAGE. */
export function secretFilesOf(given: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    given.map((text) => {
      const [, name, file] = /^([a-z][a-z0-9_-]*)=(.+)$/.exec(text) ?? [];
      if (name === undefined || file === undefined)
        throw new MillinerError('USAGE', `--secret ${text} is not NAME=FILE`);
      return [name, file];
    }),
  );
}
