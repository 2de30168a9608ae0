/** The lock file: the resolved packages of a recipe. It is reviewed in git, and protected by its own digest. */
import { z } from 'zod';
import { MillinerError } from '../../lib/errors/error.ts';
import { writeFileAtomic } from '../../lib/host/atomic-file.ts';
import { readBeneath, rootOf } from '../../lib/host/beneath.ts';
import { canonicalDigest, type Digest } from '../../lib/oci/digest.ts';

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const digest = z.templateLiteral(['sha256:', z.string().regex(/^[0-9a-f]{64}$/)]);

const lockedPackage = z.strictObject({
  nevra: z.string().min(1),
  name: z.string().min(1),
  epoch: z.int().nonnegative(),
  version: z.string().min(1),
  release: z.string().min(1),
  arch: z.string().min(1),
  /** The recipe's repository that the package comes from: one of its keys must have signed the package. */
  repo: z.string().min(1),
  url: z.string().min(1),
  /** Location below the repository's base URL, for a repository that has moved. */
  location: z.string().min(1).optional(),
  size: z.int().nonnegative(),
  sha256,
  sourceRpm: z.string(),
});

const lockedArch = z.strictObject({
  /** All packages of the image, bases included, in NEVRA order. */
  packages: z.array(lockedPackage),
  /** The lowest base, if that is no recipe; its packages are not listed above. */
  image: z
    .strictObject({
      /** Its name in the recipe; for a file system its own name. */
      name: z.string().min(1),
      /** Digest of the image's manifest, of the tar file, or of the directory's tree as a layer. */
      digest,
      /** Digest of the index that led to the manifest, because the signature may be on the index. */
      index: digest.optional(),
      /** NEVRAs of its packages that this image still has. */
      packages: z.array(z.string().min(1)),
    })
    .optional(),
  /** NEVRAs of `packages` that the base already has. */
  base: z.array(z.string()),
  /** NEVRAs of the base that this image does not have. */
  removed: z.array(z.string()),
  layers: z.strictObject({
    /** Number of layers that the bases may have. */
    below: z.int().nonnegative(),
    /** Source packages that share a layer, lowest layer first; without the packages of the base. */
    plan: z.array(z.array(z.string().min(1)).min(1)),
  }),
  /** The recipe's tools and their dependencies, or the version of the host's own rpm. */
  tools: z.union([z.array(lockedPackage), z.strictObject({ host: z.string().min(1) })]),
});

const lockSchema = z.strictObject({
  version: z.literal(2),
  recipe: z.string().min(1),
  /** Digest of everything in the recipe that resolving depends on. */
  inputs: digest,
  base: z.strictObject({ recipe: z.string().min(1), lock: digest }).optional(),
  /** SOURCE_DATE_EPOCH: build time of the newest package, in seconds. */
  epoch: z.int().nonnegative(),
  /** False if the rpm of another host may produce other bytes. */
  reproducibleElsewhere: z.boolean(),
  /** Versions of the tools that the image's bytes depend on. */
  versions: z.strictObject({
    format: z.int(),
    node: z.string(),
    zstd: z.string(),
    zlib: z.string(),
    sqlite: z.string(),
    libsolv: z.string(),
  }),
  arches: z.record(z.string(), lockedArch),
  /** Digest of all fields above. */
  digest,
});

export type Lock = z.output<typeof lockSchema>;
export type LockedPackage = z.output<typeof lockedPackage>;
export type LockedArch = z.output<typeof lockedArch>;
export type LockedImage = NonNullable<LockedArch['image']>;
export type Versions = Lock['versions'];

const maxLockBytes = 64 * 1024 * 1024;

export function sealLock(content: Omit<Lock, 'digest'>): Lock {
  return { ...content, digest: contentDigest(content) };
}

/** The content of its file. */
export const lockText = (lock: Lock): string => `${JSON.stringify(lock, null, 2)}\n`;

/** Throws OUTPUT_UNUSABLE if the recipe's directory cannot be written, DISK_FULL. */
export async function writeLock(path: string, lock: Lock): Promise<void> {
  await writeFileAtomic(path, lockText(lock)).catch((error: unknown) => {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'EROFS' && code !== 'EACCES' && code !== 'EPERM') throw error;
    throw new MillinerError('OUTPUT_UNUSABLE', `${path} cannot be written: ${code}`, {
      cause: error,
      hint: 'Make the directory of the recipe writable, because the lock is kept beside it, or bring the lock with the recipe.',
      details: { path },
    });
  });
}

/** Undefined if it does not exist; LOCK_INVALID if it cannot be read or was changed by hand. Throws FILE_OUTSIDE. */
export async function readLock(path: string): Promise<Lock | undefined> {
  const bytes = await readBeneath(rootOf(path), path, maxLockBytes).catch((error: NodeJS.ErrnoException) => {
    if (error instanceof MillinerError) throw error;
    if (error.code === 'EFBIG') throw tooLarge(path);
    throw new MillinerError('LOCK_INVALID', `${path} cannot be read: ${error.code}`, { cause: error });
  });
  return bytes && parseLock(path, bytes.toString('utf8'));
}

/** As readLock, for a text; `path` names it in errors. */
export function parseLock(path: string, text: string): Lock {
  const lock = parse(path, text);
  const { digest: claimed, ...content } = lock;
  if (contentDigest(content) !== claimed) {
    throw new MillinerError(
      'LOCK_INVALID',
      `${path} was edited: its content does not have the digest it claims`,
    );
  }
  return lock;
}

function parse(path: string, text: string): Lock {
  if (text.length > maxLockBytes) throw tooLarge(path);
  let data: unknown;
  try {
    data = JSON.parse(text);
  } catch {
    // Without the cause, because a parser's message quotes the text.
    throw new MillinerError('LOCK_INVALID', `${path} is not JSON`);
  }
  const result = lockSchema.safeParse(data);
  if (result.success) return result.data;
  const first = result.error.issues[0]!;
  throw new MillinerError('LOCK_INVALID', `${path}: ${first.path.join('.')}: ${first.message}`);
}

function tooLarge(path: string): MillinerError {
  return new MillinerError('LOCK_INVALID', `${path} is larger than 64 MiB`);
}

function contentDigest(content: Omit<Lock, 'digest'>): Digest {
  return canonicalDigest(content);
}

/** What a recipe adds to its base. */
export function ownPackages({ packages, base }: Pick<LockedArch, 'packages' | 'base'>): LockedPackage[] {
  const inherited = new Set(base);
  return packages.filter(({ nevra }) => !inherited.has(nevra));
}

/** What a recipe has from its base. */
export function inheritedPackages({
  packages,
  base,
}: Pick<LockedArch, 'packages' | 'base'>): LockedPackage[] {
  const inherited = new Set(base);
  return packages.filter(({ nevra }) => inherited.has(nevra));
}

/** The name of the source package; the package's own name if it does not record one. */
export function sourceNameOf({ sourceRpm, name }: Pick<LockedPackage, 'sourceRpm' | 'name'>): string {
  return /^(.+)-[^-]+-[^-]+\.(?:no)?src\.rpm$/.exec(sourceRpm)?.[1] ?? name;
}
