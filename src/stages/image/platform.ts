/** Platforms of OCI images (image specification, config.md): rpm's x86_64_v2 is amd64 of the variant v2. */
import { z } from 'zod';

export interface Platform {
  architecture: string;
  os: string;
  variant?: string | null | undefined;
}

/** Go's architecture names, which OCI uses. */
const architectures: Record<string, string> = { x86_64: 'amd64', aarch64: 'arm64', i686: '386' };

/** @param arch rpm's name */
export function platformOf(arch: string): { architecture: string; variant?: string } {
  const variant = /^x86_64_(v\d)$/.exec(arch)?.[1];
  const family = variant === undefined ? arch : 'x86_64';
  return { architecture: architectures[family] ?? family, ...(variant !== undefined && { variant }) };
}

const nullableString = z.string().max(100).nullish();
const configSchema = z.object({
  architecture: z.string().max(100),
  os: z.string().max(100),
  variant: nullableString,
});

/** The platform in an image's configuration; undefined if it has none. */
export function readPlatform(config: Buffer): Platform | undefined {
  try {
    return configSchema.parse(JSON.parse(config.toString('utf8')));
  } catch {
    return undefined;
  }
}

export function showPlatform({ os, architecture, variant }: Platform): string {
  return [os, architecture, ...(variant ? [variant] : [])].join('/');
}

/** How much of an architecture's features an image uses, the higher the better; undefined if it cannot run there. */
export function fitOf(image: Platform, arch: string): number | undefined {
  const wanted = platformOf(arch);
  if (image.os !== 'linux' || image.architecture !== wanted.architecture) return undefined;
  // Variants of other architectures, such as v8 of arm64, need no distinction.
  if (wanted.architecture !== 'amd64') return 0;
  const level = levelOf(image.variant);
  return level !== undefined && level <= levelOf(wanted.variant)! ? level : undefined;
}

function levelOf(variant: string | null | undefined): number | undefined {
  const digits = /^v([1-4])$/.exec(variant || 'v1')?.[1];
  return digits === undefined ? undefined : Number(digits);
}
