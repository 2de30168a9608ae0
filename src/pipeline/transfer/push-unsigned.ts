/** For `push --unsigned`: sends an image to a registry without a signature, under tags that no key speaks for. */
import type { Digest } from '../../lib/oci/digest.ts';
import { pushImage, type Tally } from '../publish/push.ts';
import { openTargets } from '../publish/targets.ts';
import type { Context } from '../state/context.ts';
import { findRecord } from '../state/find-image.ts';
import { readImage } from '../state/stored-image.ts';

export interface PushedUnsigned extends Tally {
  name: string;
  manifestDigest: Digest;
  references: string[];
}

/** Throws IMAGE_NOT_FOUND, REFERENCE_INVALID, and what registries throw. */
export async function pushUnsigned(
  context: Context,
  image: string,
  { to, arch, plainHttp }: { to: readonly string[]; arch?: string | undefined; plainHttp: boolean },
): Promise<PushedUnsigned> {
  return context.content.lease(async () => {
    const record = await findRecord(context.state, image, arch);
    const targets = await openTargets(to, { ...context, plainHttp });
    const stored = await readImage(context, record);
    const tally: Tally = { uploadedBytes: 0, mountedBlobs: 0, skippedBlobs: 0 };
    const references: string[] = [];
    for (const target of targets) {
      await pushImage(context, stored, target, [], tally);
      for (const { tag, reference } of target.tags) {
        await target.client.putManifest(target.repository, tag, stored.manifest, stored.mediaType);
        references.push(reference);
      }
    }
    return { name: record.name, manifestDigest: stored.digest, references, ...tally };
  });
}
