/**
 * Names of images in this state: NAME[:TAG] as a recipe or `tag` gives it, or the reference that an image was pulled
 * by. NAME means NAME:latest, as in a registry.
 */
import { MillinerError } from '../../lib/errors/error.ts';
import { parseReference, showReference, wantedTag } from '../../lib/registry/reference.ts';

const ownName = /^[A-Za-z0-9._-]{1,128}(?::\w[\w.-]{0,127})?$/;

/** The one form of a name, in which records have it: an own name without `latest`, a reference with its tag. */
export function localName(text: string): string {
  if (ownName.test(text)) return text.replace(/:latest$/, '');
  const { digest: _digest, ...reference } = parseReference(text);
  return showReference({ ...reference, tag: wantedTag(reference)! });
}

/** As localName; undefined if the text cannot be a name. */
export function localNameIn(text: string): string | undefined {
  try {
    return localName(text);
  } catch (error) {
    if (error instanceof MillinerError) return undefined;
    throw error;
  }
}

/** The two columns of a list. */
export function splitName(name: string): { repository: string; tag: string } {
  const [, repository = name, tag = 'latest'] = /^(.*?)(?::([^:/]+))?$/.exec(name) ?? [];
  return { repository, tag };
}
