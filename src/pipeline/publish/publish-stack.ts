/**
 * For `publish NAME.stack`: a stack that has passed its boot becomes an artifact that names its images by digest, signed
 * as images are. The images must be in registries already, signed with the same key and booted.
 */
import { MillinerError } from '../../lib/errors/error.ts';
import { parseReference, showReference } from '../../lib/registry/reference.ts';
import { requirePassedStack, type StackVerdict } from '../../stages/boot/stack-verdict.ts';
import type { ResolvedService, ResolvedStack } from '../../stages/recipe/resolved-stack.ts';
import type { Artifact } from '../../stages/sign/artifact.ts';
import { readPrivateKey } from '../../stages/sign/key.ts';
import type { SignedVerdict } from '../../stages/sign/test-result.ts';
import type { StackToRun } from '../instance/resolve-stack.ts';
import type { Context } from '../state/context.ts';
import { publishedAt } from '../state/publications.ts';
import { readStackVerdict } from '../state/stack-records.ts';
import { layouts, layoutsOf } from '../trust/fetch-signatures.ts';
import { proveDigest } from '../trust/prove-digest.ts';
import { readKeyText } from '../trust/signer-key.ts';
import { stackArtifact } from '../trust/stack-artifact.ts';
import { statedOf } from '../trust/standings.ts';
import { pushBundle } from './attach.ts';
import { publication, recordMoves, requireTagsMovable } from './move-tags.ts';
import { proveAt } from './proved-places.ts';
import { inTurn, tagAll, type Published, type PublishOptions } from './publish.ts';
import {
  attachedNames,
  manifestAt,
  signAt,
  standingOptions,
  type Signable,
  type Signing,
} from './sign-at.ts';
import type { SignedAt } from './sign-image-at.ts';
import { addTo, nothingSigned } from './sign-index-at.ts';
import { openTargets, type Target } from './targets.ts';

/** Throws IMAGE_UNBOOTED, IMAGE_UNPUBLISHED, and what `publish` throws. No tag has moved in these cases. */
export async function publishStack(
  context: Context,
  { stack, images }: StackToRun,
  { to, key, password, plainHttp, only, life }: Omit<PublishOptions, 'arches'>,
): Promise<Published> {
  const passed = requirePassedStack(await readStackVerdict(context.state, stack), stack.name);
  const targets = await openTargets(to, { ...context, plainHttp });
  const signing: Signing = {
    key: await readPrivateKey(await readKeyText(key), await password(), key),
    layouts: layoutsOf(only),
    life,
  };
  const placed = await placeImages(context, stack, targets, { signing, plainHttp });
  const artifact = stackArtifact(placed);
  const { digest, mediaType } = artifact.descriptor;
  const what: Signable = {
    name: stack.name,
    digest,
    mediaType,
    manifest: artifact.manifest,
    epoch: Math.max(...[...images.values()].map(({ record }) => record.epoch)),
    lock: undefined,
    content: undefined,
    stackVerdict: signedVerdict(passed, stack, digest),
    isTagged: true,
  };
  return inTurn(context, [what.digest], async () => {
    const signed = await signStackAt(context, what, artifact, targets, signing);
    const published = await tagAll(context, what, targets, signing, signed);
    return { name: stack.name, manifestDigest: digest, ...published };
  });
}

/** Where each image is: at the registry that the stack goes to, if it is there. */
async function placeImages(
  context: Context,
  stack: ResolvedStack,
  targets: readonly Target[],
  { signing, plainHttp }: { signing: Signing; plainHttp: boolean },
): Promise<ResolvedStack> {
  const services: Record<string, ResolvedService> = {};
  const proved = new Set<string>();
  for (const [name, service] of Object.entries(stack.services)) {
    const { image } = service;
    const places = (await publishedAt(context.state, image.digest)).map(parseReference);
    const place = places.find(({ registry }) => registry === targets[0]!.registry) ?? places[0];
    if (!place) throw unpublished(stack.name, image);
    const { registry, repository: path } = place;
    const repository = showReference({ registry, repository: path });
    if (!proved.has(image.digest)) {
      context.progress.step(`verifying ${image.name} at ${repository}`);
      const { key, layouts: chosen } = signing;
      await proveDigest(context, repository, image.digest, { key: key.public, layouts: chosen, plainHttp });
      proved.add(image.digest);
    }
    services[name] = { ...service, image: { ...image, repository } };
  }
  return { ...stack, services };
}

function unpublished(stack: string, { name, digest }: ResolvedService['image']): MillinerError {
  return new MillinerError(
    'IMAGE_UNPUBLISHED',
    `the stack ${stack} names ${name} (${digest}), which was not published`,
    {
      hint: `Publish it first: milliner publish ${name} --to HOST/REPOSITORY:TAG --key FILE.`,
      details: { stack, name, digest },
    },
  );
}

/** The whole verdict, about the artifact that the stack has become. */
function signedVerdict(verdict: StackVerdict, stack: ResolvedStack, digest: string): SignedVerdict {
  const own = Object.entries(verdict.services).flatMap(([service, { checks }]) =>
    checks.map((one) => ({ ...one, check: `${service}: ${one.check}` })),
  );
  const { checks, ...rest } = verdict;
  return { ...rest, manifestDigest: digest, checks: [...own, ...checks], plan: stack };
}

async function signStackAt(
  context: Context,
  what: Signable,
  artifact: Artifact,
  targets: readonly Target[],
  signing: Signing,
): Promise<SignedAt> {
  const signed = nothingSigned();
  for (const target of targets) await requireTagsMovable(context, target, signing.key.public, what);
  for (const target of targets) {
    const place = manifestAt(what, target);
    context.progress.step(`signing the stack ${what.name} at ${target.registry}/${target.repository}`);
    await statedOf(place, layouts, standingOptions(context, signing));
    await pushBundle(place, artifact, signed);
    const attached = await signAt(context, what, target, signing, signed);
    await proveAt(context, what, target, signing, attached);
    addTo(signed, { ...nothingSigned(), ...attachedNames(target, attached) });
  }
  for (const target of targets)
    signed.moves.push(...(await recordMoves(context, target, signing.key, publication(what))));
  return signed;
}
