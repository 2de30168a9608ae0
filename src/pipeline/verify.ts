/** verify: whether an image in a registry is signed, listed and booted, as a client that trusts one key sees it. */
import { readFile } from 'node:fs/promises';
import { MillinerError } from '../errors.ts';
import { RegistryClient } from '../registry/client.ts';
import type { Digest } from '../registry/descriptor.ts';
import { parseReference, showReference } from '../registry/reference.ts';
import { attachedEnvelopes, type FoundEnvelope } from '../sign/attestation.ts';
import { bundledEnvelopes } from '../sign/bundle.ts';
import { readPublicKey, type PublicKey } from '../sign/key.ts';
import { verifySignatures, type ExpectedImage } from '../sign/simplesigning.ts';
import { verifyImageStatement, verifySbom, verifyVerdict } from '../sign/verify.ts';
import type { RunOptions } from './context.ts';
import { asAltered, fetchAttachment, fetchBundles, type PublishedImage } from './signatures.ts';

/** `sig`: the tags that podman, skopeo and older cosigns read; `bundle`: the referrers that cosign 3 reads. */
export const layouts = ['sig', 'bundle'] as const;
export type Layout = (typeof layouts)[number];

export interface Proof {
  claim: 'signature' | 'sbom' | 'verdict';
  layout: Layout;
  /** What the signature says, for people. */
  detail: string;
}

export interface Verification {
  reference: string;
  manifestDigest: Digest;
  proved: Proof[];
}

export interface VerifyOptions {
  reference: string;
  /** Path of the public key. */
  key: string;
  plainHttp: boolean;
  /** Both where it is left out. */
  only?: Layout | undefined;
}

/** Throws SIGNATURE_MISSING, SIGNATURE_WRONG_KEY, IMAGE_ALTERED, VERDICT_MISSING, and what registries throw. */
export async function verifyReference(
  { reference: text, key: keyPath, plainHttp, only }: VerifyOptions,
  { progress, signal }: Pick<RunOptions, 'progress' | 'signal'>,
): Promise<Verification> {
  const key = await readPublicKeyFile(keyPath);
  const reference = parseReference(text);
  const { registry, repository } = reference;
  const tag = reference.tag ?? (reference.digest === undefined ? 'latest' : undefined);
  const client = await RegistryClient.open({ registry, repository, plainHttp, signal });
  const manifest = await asAltered(() => client.getManifest(repository, reference.digest ?? tag!));
  if (!manifest) {
    throw new MillinerError('IMAGE_UNPUBLISHED', `${registry} has no ${showReference(reference)}`, {
      details: { reference: text },
    });
  }
  const image = { client, repository, digest: manifest.digest };
  const signed = showReference({ registry, repository, ...(tag !== undefined && { tag }) });
  progress.step(`verifying ${signed} at ${image.digest}`);
  const proved: Proof[] = [];
  for (const layout of only === undefined ? layouts : [only]) {
    proved.push(...(await proofs[layout](image, key, signed)));
  }
  return { reference: signed, manifestDigest: image.digest, proved };
}

/** What each layout must hold; `reference` has the tag where that is what was asked for. */
export const proofs: Record<
  Layout,
  (image: PublishedImage, key: PublicKey, reference: string) => Promise<Proof[]>
> = {
  async sig(image, key, reference) {
    const expected = { key, digest: image.digest };
    const signed = verifySignatures({ ...expected, reference }, await fetchAttachment(image, 'sig'));
    const envelopes = attachedEnvelopes(image.digest, await fetchAttachment(image, 'att'));
    return [
      { claim: 'signature', layout: 'sig', detail: `signed as ${signed}` },
      ...proveClaims(expected, envelopes, 'sig'),
    ];
  },
  async bundle(image, key) {
    const expected = { key, digest: image.digest };
    const envelopes = bundledEnvelopes(await fetchBundles(image));
    verifyImageStatement(expected, envelopes);
    return [
      { claim: 'signature', layout: 'bundle', detail: 'signed' },
      ...proveClaims(expected, envelopes, 'bundle'),
    ];
  },
};

function proveClaims(expected: ExpectedImage, envelopes: readonly FoundEnvelope[], layout: Layout): Proof[] {
  const { packages } = verifySbom(expected, envelopes);
  verifyVerdict(expected, envelopes);
  return [
    { claim: 'sbom', layout, detail: `bill of materials of ${packages} packages` },
    { claim: 'verdict', layout, detail: 'booted, and passed its checks' },
  ];
}

/** Throws KEY_FILE_INVALID. */
export async function readPublicKeyFile(path: string): Promise<PublicKey> {
  return readPublicKey(await readKeyFile(path), path);
}

/** Throws KEY_FILE_INVALID. */
export async function readKeyFile(path: string): Promise<string> {
  return readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new MillinerError('KEY_FILE_INVALID', `${path} cannot be read: ${error.code}`, {
      cause: error,
      hint: 'Name a key file; a new pair is made with: milliner key generate',
    });
  });
}
