/** The tag of the release of one image: the same for each run, and a name that git takes. */
import { hexOf, type Digest } from '../lib/oci/digest.ts';

/** Of the digest: more than any two images of one recipe share. */
const digits = 12;
const maxNameLength = 100;

/** git-check-ref-format(1): no two dots beside each other, none at the begin, and no other signs than these here. */
export function releaseTag(recipe: string, digest: Digest): string {
  const name = recipe
    .replaceAll(/[^A-Za-z0-9._-]/g, '-')
    .replaceAll(/\.{2,}/g, '.')
    .replace(/^[.-]+/, '')
    .slice(0, maxNameLength);
  return `${name || 'image'}-${hexOf(digest).slice(0, digits)}`;
}
