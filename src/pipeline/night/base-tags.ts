/** Follows the tags of bases that others build. Each tag is looked up once in a night. */
import { MillinerError } from '../../lib/errors/error.ts';
import { parseReference, wantedTag } from '../../lib/registry/reference.ts';
import type { LockedImage } from '../../stages/lock/lock-file.ts';
import type { BaseSource } from '../../stages/recipe/base-source.ts';
import { ensureBase } from '../base/ensure-base.ts';
import { findBase, nameOf, type BaseRecord } from '../state/base-records.ts';
import { withSnapshots, type StateContext } from '../state/context.ts';
import { findImage } from '../trust/image-source.ts';

export class BaseTags {
  readonly #context: StateContext;
  readonly #digests = new Map<string, Promise<string>>();

  constructor(context: StateContext) {
    this.#context = context;
  }

  /**
   * The base as the lock pins it; undefined if its tag names another image now, or its file has changed. The new image
   * counts once the lock is made: then its signature is verified.
   */
  async pinned(source: BaseSource, arch: string, locked: LockedImage): Promise<BaseRecord | undefined> {
    if (locked.name !== nameOf(source)) return undefined;
    if (source.kind !== 'image') return this.#file(source, arch, locked);
    const current = await this.#digestOf(source.reference);
    if (current !== undefined && current !== (locked.index ?? locked.digest)) return undefined;
    return this.locked(source, arch, locked);
  }

  /** The base that the lock pins, whatever its tag names now. */
  async locked(source: BaseSource, arch: string, { digest, index }: LockedImage): Promise<BaseRecord> {
    const pinned = { digest, ...(index && { index }) };
    const ensure = () => withSnapshots(this.#context, (opened) => ensureBase(opened, source, arch, pinned));
    if (source.kind !== 'image') return ensure();
    const known = await findBase(this.#context, { name: source.reference, manifestDigest: digest, arch });
    return known ?? ensure();
  }

  async #file(source: BaseSource, arch: string, locked: LockedImage): Promise<BaseRecord | undefined> {
    return this.locked(source, arch, locked).catch((error: unknown) => {
      if (error instanceof MillinerError && error.code === 'LOCK_STALE') return undefined;
      throw error;
    });
  }

  /** Undefined where there is nothing to look up: the reference has a digest, or no registry may be asked. */
  async #digestOf(reference: string): Promise<string | undefined> {
    const parsed = parseReference(reference);
    const tag = wantedTag(parsed);
    if (this.#context.offline || parsed.digest !== undefined || tag === undefined) return undefined;
    const looking =
      this.#digests.get(reference) ??
      findImage(parsed, tag, this.#context).then(({ manifest }) => manifest.digest);
    this.#digests.set(reference, looking);
    return looking;
  }
}
