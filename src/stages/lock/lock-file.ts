/** The lock file: a recipe's answer, written once, reviewed in git, and held to its own digest. */
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
  /** The repository of the recipe that it came from: its keys must have signed it. */
  repo: z.string().min(1),
  url: z.string().min(1),
  /** The URL's part below the repository's base: where to look when the repository has moved. */
  location: z.string().min(1).optional(),
  size: z.int().nonnegative(),
  sha256,
  sourceRpm: z.string(),
});

const lockedArch = z.strictObject({
  /** The whole image, bases included, in NEVRA order. */
  packages: z.array(lockedPackage),
  /** What the lowest recipe stands on, where that is no recipe; its packages are beside those above. */
  image: z
    .strictObject({
      /** As the recipe has it; of a file system its own name. */
      name: z.string().min(1),
      /** Of the image's manifest; of the tar; of the directory's tree as a layer holds it. */
      digest,
      /** Of the index that led to the manifest: it may be what is signed. */
      index: digest.optional(),
      /** NEVRAs of what it has installed and this image still has. */
      packages: z.array(z.string().min(1)),
    })
    .optional(),
  /** Names from `packages` that the base already has. */
  base: z.array(z.string()),
  /** What the base has and this image has not. */
  removed: z.array(z.string()),
  layers: z.strictObject({
    /** Layers that the bases may have. */
    below: z.int().nonnegative(),
    /** Source packages that share a layer, lowest layer first; of the packages that are not the base's. */
    plan: z.array(z.array(z.string().min(1)).min(1)),
  }),
  /** The closure of the recipe's tools, or the host's own rpm by version. */
  tools: z.union([z.array(lockedPackage), z.strictObject({ host: z.string().min(1) })]),
});

const lockSchema = z.strictObject({
  version: z.literal(2),
  recipe: z.string().min(1),
  /** Digest of everything in the recipe that the answer depends on. */
  inputs: digest,
  base: z.strictObject({ recipe: z.string().min(1), lock: digest }).optional(),
  /** SOURCE_DATE_EPOCH: when the newest package was built, in seconds. */
  epoch: z.int().nonnegative(),
  /** Where false, another host's rpm may give other bytes. */
  reproducibleElsewhere: z.boolean(),
  /** Versions of what the image's bytes depend on. */
  versions: z.strictObject({
    format: z.int(),
    node: z.string(),
    zstd: z.string(),
    zlib: z.string(),
    sqlite: z.string(),
    libsolv: z.string(),
  }),
  arches: z.record(z.string(), lockedArch),
  /** Of all the above. */
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

/** Throws OUTPUT_UNUSABLE where the recipe's directory cannot be written to, DISK_FULL. */
export async function writeLock(path: string, lock: Lock): Promise<void> {
  await writeFileAtomic(path, `${JSON.stringify(lock, null, 2)}\n`).catch((error: unknown) => {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'EROFS' && code !== 'EACCES' && code !== 'EPERM') throw error;
    throw new MillinerError('OUTPUT_UNUSABLE', `${path} cannot be written: ${code}`, {
      cause: error,
      hint: 'Make the directory of the recipe writable, because the lock is kept beside it, or bring the lock with the recipe.',
      details: { path },
    });
  });
}

/** Undefined if there is none; LOCK_INVALID if it cannot be read or is not as it was written. Throws FILE_OUTSIDE. */
export async function readLock(path: string): Promise<Lock | undefined> {
  const bytes = await readBeneath(rootOf(path), path, maxLockBytes).catch((error: NodeJS.ErrnoException) => {
    if (error instanceof MillinerError) throw error;
    if (error.code === 'EFBIG') throw tooLarge(path);
    throw new MillinerError('LOCK_INVALID', `${path} cannot be read: ${error.code}`, { cause: error });
  });
  return bytes && parseLock(path, bytes.toString('utf8'));
}

/** The same for what was read from elsewhere: `path` is what it is called. */
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
    // Without the cause: a parser quotes what it complains of, which may be anything.
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

/** The source package's name; packages that name none stand for themselves. */
export function sourceNameOf({ sourceRpm, name }: Pick<LockedPackage, 'sourceRpm' | 'name'>): string {
  return /^(.+)-[^-]+-[^-]+\.(?:no)?src\.rpm$/.exec(sourceRpm)?.[1] ?? name;
}
