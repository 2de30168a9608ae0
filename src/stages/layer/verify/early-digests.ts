/**
 * Digests of what rpm has installed, read while its database is being settled. A file that is changed afterwards is read
 * again.
 */
import { hashStamped, stampOf, type StampedDigest } from '../../../lib/host/hash-files.ts';
import type { ByteString } from '../../../lib/host/paths.ts';
import { nextStamp } from '../../../lib/host/stamp.ts';
import { fileType, type RpmFile } from '../../../lib/rpm/file-list.ts';
import type { TreeEntry } from '../tree.ts';

export class EarlyDigests {
  readonly #digests: Promise<Map<ByteString, StampedDigest>>;

  private constructor(digests: Promise<Map<ByteString, StampedDigest>>) {
    this.#digests = digests;
    // It is thrown where they are asked for.
    digests.catch(() => undefined);
  }

  /** @param root the mounted tree, to which no program writes any more */
  static begin(root: string, packages: readonly { files: readonly RpmFile[] }[]): EarlyDigests {
    const files = packages.flatMap((one) => one.files).filter(isRead);
    return new EarlyDigests(read(root, [...new Set(files.map(({ path }) => path))]));
  }

  /** From then on nothing of the tree is open. */
  async settled(): Promise<void> {
    await Promise.allSettled([this.#digests]);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.settled();
  }

  /** The sha256 of files that have not changed since. */
  async known(): Promise<(entry: TreeEntry) => string | undefined> {
    const digests = await this.#digests;
    return (entry) => {
      const found = digests.get(entry.path);
      return found?.stamp === stampOf(entry) ? found.sha256 : undefined;
    };
  }
}

async function read(root: string, paths: readonly ByteString[]): Promise<Map<ByteString, StampedDigest>> {
  // What changes from now on has another time.
  await nextStamp();
  return hashStamped(root, paths);
}

function isRead({ mode, size, flags }: RpmFile): boolean {
  return (mode & fileType.mask) === fileType.regular && size > 0 && !flags.ghost;
}
