/** Signs an image or an index at one target, and verifies it there as a client that trusts the key does it. */
import { MillinerError } from '../../lib/errors/error.ts';
import type { Digest } from '../../lib/oci/digest.ts';
import type { Verdict } from '../../stages/boot/verdict.ts';
import type { SigningKey } from '../../stages/sign/key.ts';
import { signImage, signStack, signTags } from '../../stages/sign/sign-image.ts';
import type { Standing } from '../../stages/sign/standing.ts';
import type { SignedVerdict } from '../../stages/sign/test-result.ts';
import type { Context } from '../state/context.ts';
import { readSboms } from '../state/kept-sboms.ts';
import type { StoredImage } from '../state/stored-image.ts';
import type { Layout, PublishedImage } from '../trust/fetch-signatures.ts';
import { proofs, type ProofOptions } from '../trust/proofs.ts';
import { requireCurrent, statedOf, type StandingOptions } from '../trust/standings.ts';
import { attach, type Attached } from './attach.ts';
import { defaultLife, nextStandings } from './next-standings.ts';
import type { Tally } from './push.ts';
import type { Target } from './targets.ts';

/** The key, the layouts of the signatures, and their validity. */
export interface Signing {
  key: SigningKey;
  layouts: readonly Layout[];
  /** Validity of the statements about the tags, in seconds. */
  life?: number | undefined;
}

/** The claims about an image besides its name. */
export interface Evidence {
  /** Blob with the bills of materials. */
  sboms: Digest;
  verdict: Verdict;
}

/** An image or an index, as a registry has it. */
export type Manifested = Pick<
  StoredImage,
  'name' | 'digest' | 'mediaType' | 'manifest' | 'epoch' | 'lock' | 'content'
>;

export interface Signable extends Manifested {
  /** An index has none: its images have. */
  evidence?: Evidence;
  /** Of a stack, whose images have evidence of their own. */
  stackVerdict?: SignedVerdict;
  /**
   * Whether the tags will name it. An image of an index has signatures for its tags, because podman asks them of the
   * image that it picks, but no statement that a tag names it.
   */
  isTagged: boolean;
}

export async function signAt(
  context: Context,
  what: Signable,
  target: Target,
  signing: Signing,
  tally: Tally,
): Promise<Attached> {
  const { digest, mediaType, manifest, epoch, evidence, stackVerdict } = what;
  const place = manifestAt(what, target);
  const descriptor = { mediaType, digest, size: manifest.length };
  const references = target.tags.map(({ reference }) => reference);
  const tagClaims = { references, standings: await standingsAt(context, what, target, signing), epoch };
  const claims = { image: descriptor, ...tagClaims };
  const signed = evidence
    ? signImage(signing.key, {
        ...claims,
        verdict: evidence.verdict,
        sboms: await readSboms(context, evidence.sboms),
      })
    : stackVerdict
      ? signStack(signing.key, { ...claims, verdict: stackVerdict })
      : signTags(signing.key, claims);
  return attach(place, signing.key.public, signed, signing.layouts, tally);
}

async function standingsAt(
  context: Context,
  what: Signable,
  target: Target,
  signing: Signing,
): Promise<Standing[]> {
  if (!what.isTagged) return [];
  const place = manifestAt(what, target);
  return nextStandings(place, target, signing.life ?? defaultLife, standingOptions(context, signing));
}

/** Verifies it as the registry returns it, which is all that a client sees. Returns the statements about its tags. */
export async function verifyAt(
  context: Context,
  what: Signable,
  target: Target,
  signing: Signing,
): Promise<Standing[]> {
  const { client, repository } = target;
  const found = await client.getManifest(repository, what.digest);
  if (!found?.bytes.equals(what.manifest)) throw differs(target, what.digest);
  const references = target.tags.map(({ reference }) => reference);
  const { key, layouts: chosen } = signing;
  const place = manifestAt(what, target);
  // The tags have not moved yet, so the state must not remember these statements.
  const options = { ...standingOptions(context, signing), state: undefined, allowExpired: false };
  const stated = await statedOf(place, chosen, options);
  const of: ProofOptions['of'] = what.evidence ? 'image' : what.stackVerdict ? 'stack' : 'index';
  const expected = { of, allowUnnamed: false, revokedVerdicts: stated.revokedVerdicts };
  for (const layout of chosen) await proofs[layout](place, key.public, references, expected);
  const standings: Standing[] = [];
  for (const reference of what.isTagged ? references : []) {
    const standing = await requireCurrent(what.digest, reference, stated, options);
    if (!standing) throw differs(target, `what ${reference} names`);
    standings.push(standing);
  }
  return standings;
}

export function differs({ registry, repository }: Target, what: string): MillinerError {
  return new MillinerError('REGISTRY_INVALID', `${registry}/${repository} does not return ${what}`, {
    details: { registry, repository, what },
  });
}

export function standingOptions(
  { state, progress }: Pick<Context, 'state' | 'progress'>,
  { key }: Pick<Signing, 'key'>,
): StandingOptions & { state: string } {
  return { key: key.public, state, warn: (sentence: string) => progress.warn(sentence) };
}

export function manifestAt(
  { digest }: Pick<Manifested, 'digest'>,
  { client, repository }: Target,
): PublishedImage {
  return { client, repository, digest };
}

/** As the answer of `publish` names attachments. */
export function attachedNames(
  { registry, repository }: Target,
  { signatures, attestations }: Attached,
): Attached {
  const place = `${registry}/${repository}`;
  const nameOf = (name: string) => (name.startsWith('sha256:') ? `${place}@${name}` : `${place}:${name}`);
  return { signatures: signatures.map(nameOf), attestations: attestations.map(nameOf) };
}
