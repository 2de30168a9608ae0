/**
 * Checks that a tag still points to this image, and that the image was not revoked. It compares the statements of the
 * key with those that this state has seen before.
 */
import { MillinerError } from '../../lib/errors/error.ts';
import { canonicalDigest, type Digest } from '../../lib/oci/digest.ts';
import { attachedEnvelopes, type FoundEnvelope } from '../../stages/sign/attestation.ts';
import type { PublicKey } from '../../stages/sign/public-key.ts';
import { revocationsOf, type Revocation } from '../../stages/sign/revocation.ts';
import { bundledEnvelopes } from '../../stages/sign/sigstore-bundle.ts';
import { standingsOf, type Standing } from '../../stages/sign/standing.ts';
import { fetchAttachment, fetchBundles, type Layout, type PublishedImage } from './fetch-signatures.ts';
import { rememberRevocations, rememberTag, seenRevocations, seenTag } from './seen-tags.ts';

/** The key whose statements count, and where they are remembered. */
export interface StandingOptions {
  key: PublicKey;
  /** The state directory; undefined if nothing is remembered. */
  state?: string | undefined;
  warn: (sentence: string) => void;
}

/** What the key has stated about the tags and revocations of an image. */
export interface Stated {
  standings: Map<string, Standing>;
  /** Digests of revoked verdicts. */
  revokedVerdicts: Set<string>;
}

/** Fetches the small statements alone. Bills of materials are large, and are not needed here. */
export async function statementsOn(
  image: PublishedImage,
  layouts: readonly Layout[],
): Promise<FoundEnvelope[]> {
  const attached = layouts.includes('sig') ? await fetchAttachment(image, 'att', 'signatures') : undefined;
  const bundles = layouts.includes('bundle') ? await fetchBundles(image, 'signatures') : [];
  return [...attachedEnvelopes(image.digest, attached), ...bundledEnvelopes(bundles)];
}

/** Throws IMAGE_REVOKED, IMAGE_ALTERED, STATE_INVALID, and what registries throw. */
export async function statedOf(
  image: PublishedImage,
  layouts: readonly Layout[],
  options: StandingOptions,
): Promise<Stated> {
  const { key } = options;
  const { digest } = image;
  const envelopes = await statementsOn(image, layouts);
  const revocations = await knownRevocations(digest, revocationsOf({ key, digest }, envelopes), options);
  refuseRevoked(digest, revocations);
  return {
    standings: standingsOf({ key, digest }, envelopes),
    revokedVerdicts: new Set(revocations.flatMap(({ verdicts = [] }) => verdicts)),
  };
}

/**
 * Returns the statement about the tag; undefined if there is none and this state has never seen one. Throws
 * TAG_ROLLED_BACK, TAG_EXPIRED, STATE_INVALID.
 */
export async function requireCurrent(
  digest: Digest,
  reference: string,
  { standings }: Pick<Stated, 'standings'>,
  { allowExpired, ...options }: StandingOptions & { allowExpired: boolean },
): Promise<Standing | undefined> {
  const standing = standings.get(reference);
  await refuseOlder(digest, standing, { ...options, reference });
  if (!standing || allowExpired || standing.expires * 1000 >= Date.now()) return standing;
  throw new MillinerError(
    'TAG_EXPIRED',
    `the last statement of what ${reference} names expired ${dateText(standing.expires)}`,
    { details: { reference, digest, expires: standing.expires } },
  );
}

/**
 * For an image in this state: checks the remembered revocations without asking a registry. Throws IMAGE_REVOKED,
 * STATE_INVALID.
 */
export async function refuseKnownRevoked(
  state: string,
  digest: Digest,
  keys: readonly PublicKey[],
): Promise<void> {
  for (const { hint } of keys) refuseRevoked(digest, await seenRevocations(state, { key: hint, of: digest }));
}

function refuseRevoked(digest: Digest, revocations: readonly Revocation[]): void {
  const revoked = revocations.find(({ verdicts }) => verdicts === undefined);
  if (!revoked) return;
  throw new MillinerError(
    'IMAGE_REVOKED',
    `${digest} was revoked ${dateText(revoked.time)}: ${revoked.reason}`,
    {
      details: { digest, reason: revoked.reason, time: revoked.time },
    },
  );
}

/** The revocations in the registry now, and those that this state has seen before. */
async function knownRevocations(
  digest: Digest,
  there: readonly Revocation[],
  { key, state, warn }: StandingOptions,
): Promise<Revocation[]> {
  if (state === undefined) return [...there];
  const subject = { key: key.hint, of: digest };
  const seen = await seenRevocations(state, subject);
  const known = new Set(seen.map((one) => canonicalDigest(one)));
  const fresh = there.filter((one) => !known.has(canonicalDigest(one)));
  if (fresh.length > 0) {
    await rememberIfAllowed(warn, () => rememberRevocations(state, subject, [...seen, ...fresh]));
  }
  return [...seen, ...fresh];
}

/**
 * Remembers a revocation made here: this state never accepts the image again, even if the registry loses the statement.
 */
export async function rememberOwnRevocation(
  state: string,
  digest: Digest,
  revocation: Revocation,
  options: StandingOptions,
): Promise<void> {
  await knownRevocations(digest, [revocation], { ...options, state });
}

/** Remembers what was just published, unless another run has published something newer in the meantime. */
export async function rememberCurrent(
  digest: Digest,
  reference: string,
  { standings }: Pick<Stated, 'standings'>,
  { key, state, warn }: StandingOptions & { state: string },
): Promise<void> {
  const subject = { key: key.hint, of: reference };
  const number = standings.get(reference)?.number ?? -1;
  if (number <= ((await seenTag(state, subject))?.number ?? -1)) return;
  await rememberIfAllowed(warn, () => rememberTag(state, subject, { digest, number }));
}

/**
 * Refuses a rollback: a number lower than one seen before, the same number with another image, or no statement where
 * there was one.
 */
async function refuseOlder(
  digest: Digest,
  standing: Standing | undefined,
  { key, reference, state, warn }: StandingOptions & { reference: string },
): Promise<void> {
  if (state === undefined) return;
  const subject = { key: key.hint, of: reference };
  const seen = await seenTag(state, subject);
  const number = standing?.number ?? -1;
  const isOlder = seen && (number < seen.number || (number === seen.number && digest !== seen.digest));
  if (isOlder) {
    const now = standing ? `statement ${number}` : 'no statement';
    throw new MillinerError(
      'TAG_ROLLED_BACK',
      `${reference} names ${digest} with ${now}: statement ${seen.number} of ${seen.digest} was seen before`,
      { details: { reference, digest, number: standing?.number, seen } },
    );
  }
  if (standing && number !== seen?.number) {
    await rememberIfAllowed(warn, () => rememberTag(state, subject, { digest, number }));
  }
}

/** Writes to the state if this account may. A client without that right can verify nevertheless, and gets a warning. */
export async function rememberIfAllowed(
  warn: (sentence: string) => void,
  remember: () => Promise<void>,
): Promise<void> {
  try {
    await remember();
  } catch (error) {
    const { code, path } = error as NodeJS.ErrnoException;
    if (!['EACCES', 'EPERM', 'EROFS'].includes(code ?? '')) throw error;
    warn(`what was seen cannot be remembered: ${path} (${code})`);
  }
}

function dateText(seconds: number): string {
  return new Date(seconds * 1000).toISOString().slice(0, 10);
}
