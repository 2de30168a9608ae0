/** In the store a file is called by its digest: people know packages by their names. */
import { MillinerError } from '../errors.ts';

/** What `fn` finds wrong with the package file at `path` is said of the package. */
export async function sayingWhich<T>(path: string, nevra: string, fn: () => Promise<T>): Promise<T> {
  try {
    return await fn();
  } catch (error) {
    if (!(error instanceof MillinerError) || error.code !== 'PACKAGE_INVALID') throw error;
    throw new MillinerError('PACKAGE_INVALID', error.message.replaceAll(path, nevra), {
      cause: error,
      hint: error.hint,
      details: { ...error.details, package: nevra },
    });
  }
}
