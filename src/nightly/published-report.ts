/** What the report says of an image that was published, worked out as soon as it is. */
import { MillinerError } from '../lib/errors/error.ts';
import { readLedger, recordIds } from '../pipeline/build/record-ids.ts';
import { obtainBytes, openExchange } from '../pipeline/state/blob-exchange.ts';
import type { StateContext } from '../pipeline/state/context.ts';
import type { ImageRecord } from '../pipeline/state/image-records.ts';
import { parseRecord } from '../pipeline/state/received.ts';
import type { MemberMemory } from '../pipeline/state/set-memory.ts';
import { imageReportSchema, type ImageReport } from '../stages/report/night-report.ts';
import { changesSince } from './changes-since.ts';
import { publishedDigest, type EndedRelease, type LockedImage } from './release-images.ts';

/** Writes new ids beside the recipe. `before` is what was published of it. Throws INTERRUPTED. */
export async function publishedReport(
  context: StateContext,
  locked: LockedImage,
  ended: EndedRelease,
  { before, plainHttp }: { before: MemberMemory['published']; plainHttp: boolean },
): Promise<ImageReport> {
  const report = ended.status.report!;
  const { recipe, arches, reasons, updateBytes } = locked.image;
  const digest = publishedDigest(report);
  return imageReportSchema.parse({
    recipe,
    arches,
    reasons,
    outcome: 'published',
    references: report.references,
    digest,
    ...(before && before.digest !== digest && { previous: before.digest }),
    ...(await changesSince(context, locked)),
    updateBytes,
    ...(await measured(context, locked, ended, plainHttp)),
  });
}

/** Size and time to boot; of several architectures the largest and the slowest. */
async function measured(
  context: StateContext,
  { recipe: { member } }: LockedImage,
  { status, exchange }: EndedRelease,
  plainHttp: boolean,
): Promise<Pick<ImageReport, 'size' | 'boot'>> {
  const { images } = status.report!;
  const times = images.flatMap(({ readySeconds }) => readySeconds ?? []);
  const retries = Math.max(...images.map((one) => one.retries ?? 0));
  // Of several architectures the flakiest.
  const history = images
    .flatMap((one) => one.history ?? [])
    .toSorted((a, b) => a.flaky - b.flaky)
    .at(-1);
  const boot = times.length > 0 && {
    boot: { readySeconds: Math.max(...times), retries, ...(history && { history }) },
  };
  try {
    const place =
      exchange === undefined ? undefined : await openExchange(exchange, { ...context, plainHttp });
    const sizes: number[] = [];
    for (const { records } of images) {
      const bytes = await obtainBytes({ ...context, exchange: place }, records.at(-1)!);
      const record = parseRecord(bytes);
      sizes.push(sizeOf(record));
      await recordIds(context, member.loaded, await readLedger(member.loaded), record);
    }
    return { size: Math.max(...sizes), ...boot };
  } catch (error) {
    // The image is out, whatever can be told of it.
    if (!(error instanceof MillinerError) || context.signal?.aborted === true) throw error;
    const { name } = member.loaded.recipe;
    context.progress.warn(`${name}: its size and new ids are not known: ${error.message}`);
    return { ...boot };
  }
}

const sizeOf = ({ layers }: ImageRecord) => layers.reduce((sum, { size }) => sum + size, 0);
