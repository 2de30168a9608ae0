/** For `save`: writes an image of this state into one file. */
import { join } from 'node:path';
import { exportLayout } from '../publish/export-layout.ts';
import type { Context } from '../state/context.ts';
import { findRecord } from '../state/find-image.ts';
import type { ImageRecord } from '../state/image-records.ts';
import { withWorkspace } from '../state/workspace.ts';
import { packLayout } from './oci-archive.ts';

/** Throws IMAGE_NOT_FOUND, BLOB_MISSING, BLOB_CORRUPT, OUTPUT_UNUSABLE. */
export async function saveImage(
  context: Context,
  image: string,
  { output, arch }: { output: string; arch?: string | undefined },
): Promise<ImageRecord> {
  return context.content.lease(async () => {
    const record = await findRecord(context.state, image, arch);
    context.progress.step(`writing ${record.name} to ${output}`);
    await withWorkspace(context.state, async ({ directory }) => {
      const layout = join(directory, 'layout');
      await exportLayout(context, record, layout);
      await packLayout(layout, output);
    });
    return record;
  });
}
