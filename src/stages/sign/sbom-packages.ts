/** Reads the packages of an image from its signed bill of materials, which lists those of its bases too. */
import { z } from 'zod';
import { refuseAltered } from './artifact.ts';
import type { FoundEnvelope } from './attestation.ts';
import { parseRpmPurl, type RpmIdentity } from './purl.ts';
import type { ExpectedImage } from './simple-signing.ts';
import { predicateTypes } from './statement.ts';
import { readAttested } from './verify.ts';

/** More than any distribution has packages. */
const maxPackages = 200_000;

const documentSchema = z.object({
  spdxVersion: z.string().regex(/^SPDX-2\.[0-9]$/),
  packages: z
    .array(
      z.object({ externalRefs: z.array(z.object({ referenceLocator: z.string().max(4096) })).optional() }),
    )
    .max(maxPackages),
});

/**
 * An entry of an rpm that cannot be read is an error: an image must not look unaffected because of a package that was
 * skipped. Throws SIGNATURE_MISSING, SIGNATURE_WRONG_KEY, IMAGE_ALTERED.
 */
export function packagesInSbom(expected: ExpectedImage, envelopes: readonly FoundEnvelope[]): RpmIdentity[] {
  return readAttested(
    expected,
    envelopes,
    predicateTypes.spdx,
    ({ predicate }, name) => packagesOf(predicate, name),
    'signed SPDX bill of materials',
  );
}

function packagesOf(predicate: unknown, name: string): RpmIdentity[] {
  const refuse = refuseAltered(name);
  const { success, data } = documentSchema.safeParse(predicate);
  if (!success) throw refuse('holds no SPDX 2 document');
  return data.packages.flatMap(({ externalRefs = [] }) =>
    externalRefs.flatMap(({ referenceLocator }) => {
      if (!referenceLocator.startsWith('pkg:rpm/')) return [];
      const found = parseRpmPurl(referenceLocator);
      if (!found)
        throw refuse(
          `lists a package that cannot be read: ${JSON.stringify(referenceLocator.slice(0, 300))}`,
        );
      return [found];
    }),
  );
}
