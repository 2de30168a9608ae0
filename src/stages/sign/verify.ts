/** Whether an image is signed with a key, listed, and booted: over bytes, wherever they came from. */
import { z } from 'zod';
import { MillinerError } from '../../lib/errors/error.ts';
import { refuseAltered } from './artifact.ts';
import type { FoundEnvelope } from './attestation.ts';
import { firstValid } from './failure-order.ts';
import { requireIdentity } from './identity.ts';
import { referenceOf } from './reference-claim.ts';
import type { ExpectedImage, ExpectedReference } from './simple-signing.ts';
import { openEnvelope, predicateTypes, type Statement } from './statement.ts';
import { requirePassedResult } from './test-result.ts';

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

/** Whether a bundle that names no reference will do: it signs the digest, under whatever name somebody puts it. */
export interface ExpectedBundle extends ExpectedReference {
  allowUnnamed: boolean;
}

/**
 * Gives the reference that was signed; undefined where none of this key's bundles names one. Throws SIGNATURE_MISSING,
 * SIGNATURE_UNNAMED, SIGNATURE_WRONG_KEY, SIGNED_ELSEWHERE, IMAGE_ALTERED.
 */
export function verifyImageStatement(
  { allowUnnamed, ...expected }: ExpectedBundle,
  envelopes: readonly FoundEnvelope[],
): string | undefined {
  const find = <Found>(read: (statement: Statement, name: string) => Found) =>
    readAttested(expected, envelopes, predicateTypes.signature, read, 'signature');
  try {
    return find((statement, name) => requireIdentity(requireName(statement, name), expected, name));
  } catch (error) {
    // One that names another reference says more than one that names none.
    const isOtherReference = error instanceof MillinerError && error.code === 'SIGNED_ELSEWHERE';
    if (!allowUnnamed || isOtherReference) throw error;
  }
  find((statement) => (referenceOf(statement) === undefined ? true : undefined));
  return undefined;
}

function requireName(statement: Statement, name: string): string {
  const reference = referenceOf(statement);
  if (reference !== undefined) return reference;
  throw new MillinerError('SIGNATURE_UNNAMED', `${name} signs this image, but no reference`);
}

const isRpm = (purl: string | undefined) => purl?.startsWith('pkg:rpm/') === true;

/** In both forms, which must list as many packages. Throws SIGNATURE_MISSING, SIGNATURE_WRONG_KEY, IMAGE_ALTERED. */
export function verifySboms(expected: ExpectedImage, envelopes: readonly FoundEnvelope[]): Listed {
  const listed = readAttested(
    expected,
    envelopes,
    predicateTypes.spdx,
    ({ predicate }, name) => readSpdx(predicate, name),
    'signed SPDX bill of materials',
  );
  const what = 'signed CycloneDX bill of materials';
  const read = ({ predicate }: Statement, name: string) => readCycloneDx(predicate, name);
  const beside = readAttested(expected, envelopes, predicateTypes.cyclonedx, read, what);
  if (beside.packages === listed.packages) return listed;
  throw refuseAltered('the CycloneDX bill of materials')(
    `lists ${beside.packages} packages, and the SPDX one ${listed.packages}`,
  );
}

function readSpdx(predicate: unknown, name: string): Listed {
  const { success, data } = spdxSchema.safeParse(predicate);
  if (!success) throw refuseAltered(name)('holds no SPDX 2 document');
  const rpms = data.packages.filter(({ externalRefs = [] }) =>
    externalRefs.some(({ referenceLocator }) => isRpm(referenceLocator)),
  );
  return { packages: rpms.length, files: data.files?.length ?? 0 };
}

function readCycloneDx(predicate: unknown, name: string): Pick<Listed, 'packages'> {
  const { success, data } = cyclonedxSchema.safeParse(predicate);
  if (!success) throw refuseAltered(name)('holds no CycloneDX 1 document');
  return { packages: data.components.filter(({ purl }) => isRpm(purl)).length };
}

/** `revoked`: digests of verdicts that count no more. Throws VERDICT_MISSING, VERDICT_REVOKED, SIGNATURE_WRONG_KEY, IMAGE_ALTERED. */
export function verifyVerdict(
  expected: ExpectedImage,
  envelopes: readonly FoundEnvelope[],
  revoked: ReadonlySet<string> = new Set(),
): void {
  const read = ({ predicate, digest }: Statement) => {
    requirePassedResult(predicate, expected.digest);
    if (revoked.has(digest))
      throw new MillinerError('VERDICT_REVOKED', `the boot verdict of ${expected.digest} was revoked`);
    return true;
  };
  readAttested(expected, envelopes, predicateTypes.verdict, read, 'signed boot verdict');
}

function readAttested<Found>(
  expected: ExpectedImage,
  envelopes: readonly FoundEnvelope[],
  predicateType: string,
  read: (statement: Statement, name: string) => Found | undefined,
  what: string,
): Found {
  const code = predicateType === predicateTypes.verdict ? 'VERDICT_MISSING' : 'SIGNATURE_MISSING';
  return firstValid(
    envelopes,
    (envelope) => {
      const statement = openEnvelopeOf(expected, envelope, predicateType);
      return statement?.predicateType === predicateType ? read(statement, envelope.name) : undefined;
    },
    () => new MillinerError(code, `${expected.digest} has no ${what}`),
  );
}

/** What cannot be opened counts where it says that it is of the kind that is looked for, or does not say. */
function openEnvelopeOf(
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
