/** Packages of a lock that are still being fetched: each is used as soon as it is in the store, and read once. */
import { MillinerError } from '../../lib/errors/error.ts';
import { readHead, type PackageHead } from '../../lib/rpm/lead.ts';
import { describePackage, type RpmPackage } from '../../lib/rpm/package.ts';
import type { LockedPackage } from '../../stages/lock/lock-file.ts';
import type { LoadedRecipe } from '../../stages/recipe/load.ts';
import type { StateContext } from '../state/context.ts';
import { sayingWhich } from './error-names.ts';
import { fetchLocked } from './fetch.ts';

export class ArrivingPackages {
  readonly #wanted: readonly LockedPackage[];
  /** By sha256. */
  readonly #paths: ReadonlyMap<string, PromiseWithResolvers<string>>;
  /** By path. */
  readonly #heads = new Map<string, Promise<PackageHead>>();
  /** By path. */
  readonly #packages = new Map<string, RpmPackage>();

  constructor(wanted: readonly LockedPackage[]) {
    this.#wanted = wanted;
    this.#paths = new Map(wanted.map(({ sha256 }) => [sha256, Promise.withResolvers<string>()]));
    // A failure is thrown by fetch. It is a rejection too for those who wait for a file, if anyone does.
    for (const { promise } of this.#paths.values()) promise.catch(() => undefined);
  }

  /** In the order in which they are wanted. */
  async fetch(context: StateContext, loaded: LoadedRecipe, arch: string): Promise<void> {
    try {
      await fetchLocked(context, loaded, arch, this.#wanted, (sha256, path) =>
        this.#paths.get(sha256)!.resolve(path),
      );
    } catch (error) {
      for (const { reject } of this.#paths.values()) reject(error);
      throw error;
    }
  }

  /** The file in the store, once it is there. */
  path({ sha256 }: Pick<LockedPackage, 'sha256'>): Promise<string> {
    return this.#paths.get(sha256)!.promise;
  }

  head(path: string): Promise<PackageHead> {
    const head = this.#heads.get(path) ?? readHead(path);
    this.#heads.set(path, head);
    return head;
  }

  /**
   * A file must be the package that was asked for: an old one, signed in its time, could stand in for its successor.
   * Throws PACKAGE_INVALID.
   */
  async read(locked: LockedPackage): Promise<RpmPackage> {
    const path = await this.path(locked);
    const { nevra, url } = locked;
    const one = await sayingWhich([{ path, nevra }], () => this.#described(path));
    if (one.nevra === nevra) return one;
    throw new MillinerError('PACKAGE_INVALID', `${url}: is ${one.nevra}, not ${nevra}`, {
      hint: "Have the repository's metadata made again (createrepo_c), then lock again.",
      details: { package: nevra, found: one.nevra },
    });
  }

  async #described(path: string): Promise<RpmPackage> {
    const head = await this.head(path);
    const found = this.#packages.get(path) ?? describePackage(path, head);
    this.#packages.set(path, found);
    return found;
  }
}
