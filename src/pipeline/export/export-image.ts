/** For `export`: how an image or a stack of this state is run by podman, Compose or Kubernetes. */
import { findStack } from '../instance/find-stack.ts';
import { isStackName } from '../instance/stack-words.ts';
import { publishedAt } from '../state/publications.ts';
import type { Context } from '../state/context.ts';
import { findRecord } from '../state/find-image.ts';
import type { ImageRecord } from '../state/image-records.ts';
import type { ResolvedStack } from '../../stages/recipe/resolved-stack.ts';
import { composeFile } from './compose.ts';
import { exportImage, exportStack, unpublished, withoutTag, type ExportedStack } from './exported-service.ts';
import { kubeFile } from './kube.ts';
import { quadletFiles } from './quadlet.ts';

export const exportFormats = ['quadlet', 'kube', 'compose'] as const;
export type ExportFormat = (typeof exportFormats)[number];

export interface Exported {
  format: ExportFormat;
  /** By name. */
  files: Record<string, string>;
  /** Names of secrets that have to be made where it runs. */
  secrets: string[];
  /** What the recipe says and the format has no words for. */
  lacks: string[];
}

/** Throws IMAGE_NOT_FOUND, what finding a stack throws, and USAGE for an image that is in no registry. */
export async function exportAs(
  context: Context,
  image: string,
  format: ExportFormat,
  reference: string | undefined,
): Promise<Exported> {
  const stack = isStackName(image) ? await stackOf(context, image) : await imageOf(context, image, reference);
  const secrets = new Set(stack.services.flatMap((one) => one.secrets.map(({ name }) => name)));
  return { format, files: filesOf(stack, format), secrets: [...secrets], lacks: lacksOf(stack, format) };
}

function filesOf(stack: ExportedStack, format: ExportFormat): Record<string, string> {
  if (format === 'quadlet') return quadletFiles(stack);
  return format === 'kube'
    ? { [`${stack.name}.yaml`]: kubeFile(stack) }
    : { 'compose.yaml': composeFile(stack) };
}

/** podman and Compose ask for health by a command in the container; Kubernetes has no limit of processes. */
function lacksOf({ services, lacks }: ExportedStack, format: ExportFormat): string[] {
  const own = services.flatMap(({ name, health, pids, instances }) => [
    ...(format !== 'kube' && health && !health.exec ? [`${name}: a check by tcp or http`] : []),
    ...(format === 'kube' ? [`${name}: test.limits.pids (${pids})`] : []),
    ...(format === 'quadlet' && instances > 1 ? [`${name}: ${instances} instances`] : []),
  ]);
  return [...lacks, ...own];
}

async function imageOf(
  context: Context,
  image: string,
  reference: string | undefined,
): Promise<ExportedStack> {
  const record = await findRecord(context.state, image);
  const place = reference === undefined ? await placeOf(context, record) : withoutTag(reference);
  if (place === undefined) throw unpublished(record.name);
  const { name, config, test, manifestDigest: digest } = record;
  const own = name.includes('/') ? name.replace(/:[^:/]*$/, '').replace(/^.*\//, '') : name.replace(/:/, '-');
  return exportImage({ name: own, repository: place, digest, config, test });
}

async function stackOf(context: Context, word: string): Promise<ExportedStack> {
  const { stack, images } = await findStack(context, word);
  const services: ResolvedStack['services'] = {};
  for (const [name, service] of Object.entries(stack.services)) {
    const repository = service.image.repository ?? (await placeOf(context, images.get(name)!.bootable));
    services[name] = {
      ...service,
      image: { ...service.image, ...(repository !== undefined && { repository }) },
    };
  }
  const configs = new Map([...images].map(([name, { bootable }]) => [name, bootable.config]));
  return exportStack({ ...stack, services }, configs);
}

/** A registry that has it: where it was published, or pulled from. */
async function placeOf(
  { state }: Context,
  { name, manifestDigest }: Pick<ImageRecord, 'name' | 'manifestDigest'>,
): Promise<string | undefined> {
  const [published] = await publishedAt(state, manifestDigest);
  const found = published ?? (name.includes('/') ? name : undefined);
  return found === undefined ? undefined : withoutTag(found);
}
