/** Translates paths in the store, which are digests, into package names that people know. */
import { MillinerError } from '../../lib/errors/error.ts';

/** Runs fn. If it fails because of one package's file, the error has the name of the package. */
export async function sayingWhich<T>(
  packages: readonly { path: string; nevra: string }[],
  fn: () => Promise<T>,
): Promise<T> {
  try {
    return await fn();
  } catch (error) {
    if (!(error instanceof MillinerError) || error.code !== 'PACKAGE_INVALID') throw error;
    const { message, hint, details } = error;
    const bad = packages.find(({ path }) => message.includes(path));
    if (!bad) throw error;
    throw new MillinerError('PACKAGE_INVALID', message.replaceAll(bad.path, bad.nevra), {
      cause: error,
      hint,
      details: { ...details, package: bad.nevra },
    });
  }
}
