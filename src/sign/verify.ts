/** Whether an image is signed with a key, listed, and booted: over bytes, wherever they came from. */
import { z } from 'zod';
import { MillinerError } from '../errors.ts';
import { altered } from './artifact.ts';
import type { FoundEnvelope } from './attestation.ts';
import { firstThatHolds } from './reasons.ts';
import type { ExpectedImage } from './simplesigning.ts';
import { openEnvelope, predicateTypes, type Statement } from './statement.ts';
import { requirePassed } from './testresult.ts';

const spdxSchema = z.object({
  spdxVersion: z.string().regex(/^SPDX-2\.[0-9]$/),
  documentNamespace: z.string(),
  packages: z.array(
    z.object({ externalRefs: z.array(z.object({ referenceLocator: z.string() })).optional() }),
  ),
  files: z.array(z.unknown()).optional(),
});

const cyclonedxSchema = z.object({
  bomFormat: z.literal('CycloneDX'),
  specVersion: z.string().regex(/^1\.[0-9]$/),
  components: z.array(z.object({ purl: z.string().optional() })),
});

/** How many of both it lists, besides the image itself, its base and its operating system. */
export interface Listed {
  packages: number;
  files: number;
}

/** Throws SIGNATURE_MISSING, SIGNATURE_WRONG_KEY, IMAGE_ALTERED. */
export function verifyImageStatement(expected: ExpectedImage, envelopes: readonly FoundEnvelope[]): void {
  examine(expected, envelopes, predicateTypes.signature, () => true, 'signature');
}

const isRpm = (purl: string | undefined) => purl?.startsWith('pkg:rpm/') === true;

/** In both forms, which must list as many packages. Throws SIGNATURE_MISSING, SIGNATURE_WRONG_KEY, IMAGE_ALTERED. */
export function verifySboms(expected: ExpectedImage, envelopes: readonly FoundEnvelope[]): Listed {
  const listed = examine(expected, envelopes, predicateTypes.spdx, readSpdx, 'signed SPDX bill of materials');
  const what = 'signed CycloneDX bill of materials';
  const beside = examine(expected, envelopes, predicateTypes.cyclonedx, readCycloneDx, what);
  if (beside.packages === listed.packages) return listed;
  throw altered('the CycloneDX bill of materials')(
    `lists ${beside.packages} packages, and the SPDX one ${listed.packages}`,
  );
}

function readSpdx(predicate: unknown, name: string): Listed {
  const { success, data } = spdxSchema.safeParse(predicate);
  if (!success) throw altered(name)('holds no SPDX 2 document');
  const rpms = data.packages.filter(({ externalRefs = [] }) =>
    externalRefs.some(({ referenceLocator }) => isRpm(referenceLocator)),
  );
  return { packages: rpms.length, files: data.files?.length ?? 0 };
}

function readCycloneDx(predicate: unknown, name: string): Pick<Listed, 'packages'> {
  const { success, data } = cyclonedxSchema.safeParse(predicate);
  if (!success) throw altered(name)('holds no CycloneDX 1 document');
  return { packages: data.components.filter(({ purl }) => isRpm(purl)).length };
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
