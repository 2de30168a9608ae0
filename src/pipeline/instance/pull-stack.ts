/** For `run REFERENCE`: takes a published stack from a registry, with its images, once all of it is proved. */
import { MillinerError } from '../../lib/errors/error.ts';
import { hostArch } from '../../lib/host/arch.ts';
import { completeReference } from '../../lib/registry/pull-sources.ts';
import { parseReference, type Reference } from '../../lib/registry/reference.ts';
import type { ResolvedService, ResolvedStack } from '../../stages/recipe/resolved-stack.ts';
import { ensureBase } from '../base/ensure-base.ts';
import type { Context } from '../state/context.ts';
import { asAltered } from '../trust/fetch-signatures.ts';
import { findImage } from '../trust/image-source.ts';
import { policyKey } from '../trust/policy-key.ts';
import { proveDigest } from '../trust/prove-digest.ts';
import { readSignerKey } from '../trust/signer-key.ts';
import { isStack, layerOfStack, readStackArtifact } from '../trust/stack-artifact.ts';
import { verifyReference } from '../trust/verify-image.ts';
import type { StackImage, StackToRun } from './resolve-stack.ts';

export interface PullOptions {
  /** Path of the public key; without it the one that the host's policy requires. */
  key?: string | undefined;
  plainHttp: boolean;
  secretFiles: Readonly<Record<string, string>>;
}

/**
 * Throws USAGE, what verification throws of the stack and of each image, STACK_INVALID for another architecture, and
 * what pulling throws. Nothing of an image is fetched before the stack is proved.
 */
export async function pullStack(
  context: Context,
  text: string,
  { key: given, plainHttp, secretFiles }: PullOptions,
): Promise<StackToRun> {
  const reference = parseReference(completeReference(text));
  const key = given ?? (await policyKey(reference));
  const { manifestDigest } = await verifyReference({ reference: text, key, plainHttp }, context);
  const stack = await fetchStack(context, reference, { digest: manifestDigest, plainHttp });
  if (stack.arch !== hostArch()) {
    throw new MillinerError('STACK_INVALID', `${text} is for ${stack.arch}, and this host is ${hostArch()}`, {
      details: { reference: text, arch: stack.arch },
    });
  }
  const images = new Map<string, StackImage>();
  for (const [name, service] of Object.entries(stack.services))
    images.set(name, await pullImageOf(context, service, { key, plainHttp, text }));
  return { stack, images, secretFiles, retries: 0 };
}

async function fetchStack(
  { progress, signal }: Context,
  reference: Reference,
  { digest, plainHttp }: { digest: StackImage['record']['manifestDigest']; plainHttp: boolean },
): Promise<ResolvedStack> {
  const name = `${reference.registry}/${reference.repository}@${digest}`;
  const { client, repository, manifest } = await findImage(reference, digest, {
    plainHttp,
    progress,
    signal,
  });
  if (!isStack(manifest.bytes))
    throw new MillinerError('USAGE', `${name} is an image, and no stack`, {
      hint: `Pull it first: milliner pull ${name} --key FILE. Then run takes it by its reference.`,
    });
  const bytes = Buffer.from(manifest.bytes);
  const layer = layerOfStack(bytes, name);
  const blob = await asAltered(() => client.getBlob(repository, layer.digest, layer.size));
  return readStackArtifact({ manifest: bytes, blobs: new Map(blob ? [[layer.digest, blob]] : []) }, name);
}

async function pullImageOf(
  context: Context,
  { image, test }: ResolvedService,
  { key, plainHttp, text }: { key: string; plainHttp: boolean; text: string },
): Promise<StackImage> {
  const { repository, digest, name } = image;
  if (repository === undefined)
    throw new MillinerError('IMAGE_ALTERED', `${text} does not say where ${name} (${digest}) is`);
  const signer = await readSignerKey(key, { signal: context.signal });
  if (signer.format !== 'pem')
    throw new MillinerError('USAGE', `${key} is a key of OpenPGP, which signs no verdict`);
  await proveDigest(context, repository, digest, { key: signer.key, plainHttp });
  const source = { reference: `${repository}@${digest}`, keys: [key], unnamed: false, expired: false };
  const record = await ensureBase(context, { kind: 'image', ...source }, hostArch());
  return { record, bootable: { ...record, test } };
}
