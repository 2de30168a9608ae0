/** The files that a recipe names. A relative path must be beneath the recipe's root; an absolute one is the host's. */
import { stat } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join, resolve } from 'node:path';
import { MillinerError } from '../../lib/errors/error.ts';
import { placeBeneath, readBeneath, rootOf } from '../../lib/host/beneath.ts';

/** Space for large scripts. */
const maxTemplateBytes = 4 * 1024 * 1024;

/**
 * The absolute path; of a relative one the path without links, or the given path if it does not exist. Throws
 * FILE_OUTSIDE.
 */
export async function placeOf(recipePath: string, name: string): Promise<string> {
  if (isAbsolute(name)) return name;
  const path = join(dirname(recipePath), name);
  return (await placeBeneath(rootOf(recipePath), path)) ?? path;
}

export interface Template {
  path: string;
  text: string;
}

/**
 * Reads a template of templates/, in the recipe's directory or beside it; links in there must not leave it. The text is
 * read once, so later changes of the file do not matter. Throws RECIPE_INVALID, FILE_OUTSIDE.
 */
export async function readTemplate(recipePath: string, template: string): Promise<Template> {
  const here = dirname(resolve(recipePath));
  for (const above of [here, dirname(here)]) {
    const found = await templateIn(above, template, recipePath);
    if (found) return found;
  }
  const places = [here, dirname(here)].map((above) => join(above, 'templates'));
  throw new MillinerError(
    'RECIPE_INVALID',
    `${recipePath}: files: no template ${template} in ${places.join(' or ')}`,
  );
}

async function templateIn(
  above: string,
  template: string,
  recipePath: string,
): Promise<Template | undefined> {
  const place = join(above, 'templates');
  // templates/ itself may be a link, but must not lead out of the directory that it is in.
  const real = await placeBeneath(above, place);
  if (real === undefined) return undefined;
  const path = join(place, template);
  const bytes = await readBeneath(real, template, maxTemplateBytes).catch((error: NodeJS.ErrnoException) => {
    if (error instanceof MillinerError) throw error;
    throw new MillinerError('RECIPE_INVALID', `${recipePath}: files: ${path} cannot be read: ${error.code}`);
  });
  return bytes && { path, text: bytes.toString('utf8') };
}

const knownKeys = '/usr/share/distribution-gpg-keys/';

/** Throws RECIPE_INVALID. */
export async function checkKeyFile(key: string, path: string, repo: string): Promise<void> {
  const found = await stat(key).catch((error: NodeJS.ErrnoException) => error);
  if (found instanceof Error || !found.isFile()) {
    throw new MillinerError(
      'RECIPE_INVALID',
      `${path}: repos: ${repo}: keys: no key file ${key} (${basename(key)})`,
      // The directory of distributions' keys in Debian (from 13), Fedora and EPEL.
      key.startsWith(knownKeys)
        ? { hint: `Install distribution-gpg-keys, or name the file where it is.` }
        : {},
    );
  }
}
