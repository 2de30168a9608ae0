/** Verifies that an image is signed with a key, has SBOMs, and was booted. It works on bytes of any origin. */
import { z } from 'zod';
import { MillinerError } from '../../lib/errors/error.ts';
import { refuseAltered } from './artifact.ts';
import type { FoundEnvelope } from './attestation.ts';
import { firstValid } from './failure-order.ts';
import { requireIdentity } from './identity.ts';
import { referenceOf } from './reference-claim.ts';
import type { ExpectedImage, ExpectedReference } from './simple-signing.ts';
import { openEnvelope, predicateTypes, type Statement } from './statement.ts';
import { requirePassedResult, type PassedResult } from './test-result.ts';

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

/** Number of packages and files in both SBOMs, without the image itself, its base and its operating system. */
export interface Listed {
  packages: number;
  files: number;
}

/** Whether to accept a bundle without a reference: it signs the digest, but not the name under which it is found. */
export interface ExpectedBundle extends ExpectedReference {
  allowUnnamed: boolean;
}

/**
 * Returns the signed reference; undefined if none of this key's bundles has one. Throws SIGNATURE_MISSING,
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
    // A bundle for another reference is a clearer reason than one without.
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

/** Both formats must list the same numbers. Throws SIGNATURE_MISSING, SIGNATURE_WRONG_KEY, IMAGE_ALTERED. */
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

/**
 * `revoked`: digests of verdicts that were revoked. Throws VERDICT_MISSING, VERDICT_REVOKED, SIGNATURE_WRONG_KEY,
 * IMAGE_ALTERED.
 */
export function verifyVerdict(
  expected: ExpectedImage,
  envelopes: readonly FoundEnvelope[],
  revoked: ReadonlySet<string> = new Set(),
): PassedResult {
  const read = ({ predicate, digest }: Statement) => {
    const passed = requirePassedResult(predicate, expected.digest);
    if (revoked.has(digest))
      throw new MillinerError('VERDICT_REVOKED', `the boot verdict of ${expected.digest} was revoked`);
    return passed;
  };
  return readAttested(expected, envelopes, predicateTypes.verdict, read, 'signed boot verdict');
}

export function readAttested<Found>(
  expected: ExpectedImage,
  envelopes: readonly FoundEnvelope[],
  predicateType: string,
  read: (statement: Statement, name: string) => Found | undefined,
  what: string,
): Found {
  const code = predicateType === predicateTypes.verdict ? 'VERDICT_MISSING' : 'SIGNATURE_MISSING';
  return firstValid(
    likelyFirst(envelopes, predicateType),
    (envelope) => {
      const statement = openEnvelopeOf(expected, envelope, predicateType);
      return statement?.predicateType === predicateType ? read(statement, envelope.name) : undefined;
    },
    () => new MillinerError(code, `${expected.digest} has no ${what}`),
  );
}

/** What an envelope claims to hold proves nothing, but says where to look first: bills of materials are large. */
function likelyFirst(envelopes: readonly FoundEnvelope[], predicateType: string): FoundEnvelope[] {
  const claims = envelopes.filter((one) => one.predicateType === predicateType);
  return [...claims, ...envelopes.filter((one) => !claims.includes(one))];
}

/** An envelope that cannot be opened counts if it claims the wanted kind, or no kind. */
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
