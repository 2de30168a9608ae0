/** Whether an image is signed with a key, listed, and booted: over bytes, wherever they came from. */
import { z } from 'zod';
import { MillinerError } from '../errors.ts';
import { altered } from './artifact.ts';
import type { FoundEnvelope } from './attestation.ts';
import { firstThatHolds } from './reasons.ts';
import type { ExpectedImage } from './simplesigning.ts';
import { openEnvelope, predicateTypes, type Statement } from './statement.ts';
import { requirePassed } from './testresult.ts';

const sbomSchema = z.object({
  spdxVersion: z.string().regex(/^SPDX-2\.[0-9]$/),
  documentNamespace: z.string(),
  /** The image itself is the first. */
  packages: z.array(z.object({ name: z.string() })).min(1),
});

/** Throws SIGNATURE_MISSING, SIGNATURE_WRONG_KEY, IMAGE_ALTERED. */
export function verifyImageStatement(expected: ExpectedImage, envelopes: readonly FoundEnvelope[]): void {
  examine(expected, envelopes, predicateTypes.signature, () => true, 'signature');
}

/** Gives the number of software packages. Throws SIGNATURE_MISSING, SIGNATURE_WRONG_KEY, IMAGE_ALTERED. */
export function verifySbom(
  expected: ExpectedImage,
  envelopes: readonly FoundEnvelope[],
): { packages: number } {
  const read = (predicate: unknown, name: string) => {
    const { success, data } = sbomSchema.safeParse(predicate);
    if (!success) throw altered(name)('holds no SPDX 2 document');
    return { packages: data.packages.length - 1 };
  };
  return examine(expected, envelopes, predicateTypes.sbom, read, 'signed bill of materials');
}

/** Throws VERDICT_MISSING, SIGNATURE_WRONG_KEY, IMAGE_ALTERED. */
export function verifyVerdict(expected: ExpectedImage, envelopes: readonly FoundEnvelope[]): void {
  const read = (predicate: unknown) => {
    requirePassed(predicate, expected.digest);
    return true;
  };
  examine(expected, envelopes, predicateTypes.verdict, read, 'signed boot verdict');
}

function examine<Found>(
  expected: ExpectedImage,
  envelopes: readonly FoundEnvelope[],
  predicateType: string,
  read: (predicate: unknown, name: string) => Found,
  what: string,
): Found {
  const code = predicateType === predicateTypes.verdict ? 'VERDICT_MISSING' : 'SIGNATURE_MISSING';
  return firstThatHolds(
    envelopes,
    (envelope) => {
      const statement = openOf(expected, envelope, predicateType);
      return statement?.predicateType === predicateType
        ? read(statement.predicate, envelope.name)
        : undefined;
    },
    () => new MillinerError(code, `${expected.digest} has no ${what}`),
  );
}

/** What cannot be opened counts where it says that it is of the kind that is looked for, or does not say. */
function openOf(
  expected: ExpectedImage,
  envelope: FoundEnvelope,
  predicateType: string,
): Statement | undefined {
  try {
    return openEnvelope(expected, envelope.read(), envelope.name);
  } catch (error) {
    if (envelope.predicateType === undefined || envelope.predicateType === predicateType) throw error;
    return undefined;
  }
}
