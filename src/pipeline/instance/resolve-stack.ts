/** Finds the images of a stack, and fixes each by its digest. */
import { MillinerError } from '../../lib/errors/error.ts';
import { hostArch } from '../../lib/host/arch.ts';
import { completeReference } from '../../lib/registry/pull-sources.ts';
import { parseReference } from '../../lib/registry/reference.ts';
import type { LoadedStack } from '../../stages/recipe/load-stack.ts';
import { placeOf } from '../../stages/recipe/recipe-files.ts';
import type { ResolvedService, ResolvedStack } from '../../stages/recipe/resolved-stack.ts';
import type { StackService } from '../../stages/recipe/stack-schema.ts';
import { ensureBase } from '../base/ensure-base.ts';
import type { BaseRecord } from '../state/base-records.ts';
import type { Context } from '../state/context.ts';
import { findRecord } from '../state/find-image.ts';
import type { ImageRecord } from '../state/image-records.ts';
import type { Bootable } from './instance-root.ts';
import { testPlanOf } from '../state/test-plan.ts';

export interface StackImage {
  record: ImageRecord | BaseRecord;
  bootable: Bootable;
}

export interface StackToRun {
  stack: ResolvedStack;
  images: ReadonlyMap<string, StackImage>;
  /** Paths of the files that its given secrets are in. */
  secretFiles: Readonly<Record<string, string>>;
  /** How often a failed boot is repeated. */
  retries: number;
}

/** Throws STACK_INVALID, IMAGE_NOT_FOUND, FILE_OUTSIDE, and for images of others what pulling them throws. */
export async function resolveStack(context: Context, { stack, path }: LoadedStack): Promise<StackToRun> {
  const arch = hostArch() as ResolvedStack['arch'];
  const images = new Map<string, StackImage>();
  const services: Record<string, ResolvedService> = {};
  for (const [name, service] of Object.entries(stack.services)) {
    const { image: _image, limits: _limits, ...own } = service;
    const found = await findImage(context, service, path, arch);
    const { name: imageName, manifestDigest: digest, test } = found.bootable;
    services[name] = { ...own, image: { name: imageName, digest }, test };
    images.set(name, found);
  }
  const secretFiles: Record<string, string> = {};
  const secrets: ResolvedStack['secrets'] = {};
  for (const [name, secret] of Object.entries(stack.secrets)) {
    if ('file' in secret) secretFiles[name] = await placeOf(path, secret.file);
    secrets[name] = 'file' in secret ? { given: true } : secret;
  }
  const { name, volumes, checks, retries = 0 } = stack;
  const resolved: ResolvedStack = { version: 1, name, arch, services, volumes, secrets, checks };
  requireCheckers(resolved, path);
  return { stack: resolved, images, secretFiles, retries };
}

async function findImage(
  context: Context,
  service: StackService,
  path: string,
  arch: string,
): Promise<StackImage> {
  const { image } = service;
  if (typeof image === 'string') {
    const record = await findRecord(context.state, image, arch);
    return { record, bootable: { ...record, test: testOf(record.test, service) } };
  }
  const reference = completeReference(image.reference);
  parseReference(reference);
  const keys = await Promise.all(image.keys.map((key) => placeOf(path, key)));
  const source = { kind: 'image' as const, reference, keys, unnamed: false, expired: false };
  const record = await ensureBase(context, source, arch);
  return { record, bootable: { ...record, test: testOf(testPlanOf(undefined, record.config), service) } };
}

/** The test of the image, with the limits and the number of instances of the service. */
function testOf(test: Bootable['test'], { limits, instances }: StackService): Bootable['test'] {
  const { retries: _retries, backend: _backend, ...plan } = test;
  const given = Object.fromEntries(Object.entries(limits).filter(([, value]) => value !== undefined));
  return { ...plan, instances, limits: { ...plan.limits, ...given } };
}

/** A service that has come to its end checks nothing. */
function requireCheckers({ services, checks }: ResolvedStack, path: string): void {
  for (const { from } of checks)
    if (services[from]!.test.ready.exit !== undefined)
      throw new MillinerError(
        'STACK_INVALID',
        `${path}: checks: ${from} runs to its end, and can check nothing`,
        {
          details: { path, service: from },
        },
      );
}
