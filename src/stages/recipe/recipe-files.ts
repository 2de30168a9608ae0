/** The files that a recipe names. A relative path must be beneath the recipe's root; an absolute one is the host's. */
import { globSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { dirname, isAbsolute, join, relative, resolve } from 'node:path';
import { MillinerError } from '../../lib/errors/error.ts';
import { placeBeneath, readBeneath, rootOf } from '../../lib/host/beneath.ts';
import { shownPath } from '../../lib/yaml/mistakes.ts';
import type { WrongKey } from '../../lib/yaml/yaml-file.ts';

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
 * read once, so later changes of the file do not matter. Undefined if there is none. Throws RECIPE_INVALID, FILE_OUTSIDE.
 */
export async function readTemplate(recipePath: string, template: string): Promise<Template | undefined> {
  const here = dirname(resolve(recipePath));
  for (const above of [here, dirname(here)]) {
    const found = await templateIn(above, template, recipePath);
    if (found) return found;
  }
  return undefined;
}

/** Those that a recipe may name; links are not followed. */
export function templateNames(recipePath: string): string[] {
  const here = dirname(resolve(recipePath));
  return [here, dirname(here)].flatMap((above) => {
    const place = join(above, 'templates');
    return globSync('**/*', { cwd: place, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => relative(place, join(entry.parentPath, entry.name)));
  });
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

/** What is wrong with the file of a key; undefined if it is there. */
export async function wrongKeyFile(file: string): Promise<Pick<WrongKey, 'text' | 'hint'> | undefined> {
  const found = await stat(file).catch((error: NodeJS.ErrnoException) => error);
  if (!(found instanceof Error) && found.isFile()) return undefined;
  // The directory of distributions' keys in Debian (from 13), Fedora and EPEL.
  const hint = file.startsWith(knownKeys)
    ? 'Install distribution-gpg-keys, or name the file where it is.'
    : 'Name the file by a path from the directory of this one, or by an absolute path.';
  return { text: `there is no key file ${shownPath(file)}`, hint };
}
