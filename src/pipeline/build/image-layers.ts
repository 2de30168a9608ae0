/** The layers of one image, made while rpm is at work: of what its packages are expected to be, then of what they are. */
import { join } from 'node:path';
import { compressionOf, type Compression } from '../../stages/layer/compress/compress.ts';
import type { VerifiedPackage } from '../../stages/layer/packages/predict.ts';
import type { Tree } from '../../stages/layer/tree.ts';
import { LayerWorkers } from '../base/layer-workers.ts';
import type { Ids } from '../../stages/lock/id-ledger.ts';
import type { LockedRecipe } from '../lock/locked-recipe.ts';
import type { Context } from '../state/context.ts';
import type { InstalledImage } from './install.ts';
import { PackageLayers } from './package-layers.ts';
import { plannedLayers, predictAfter, predictBefore } from './predict-layers.ts';
import { writeLayers, type WrittenLayers } from './write-layers.ts';

interface ImageToLayer {
  locked: LockedRecipe;
  /** What the recipe adds to its base. */
  packages: VerifiedPackage[];
  /** Where the tree is mounted. */
  target: string;
  /** The base's tree. */
  parent: Tree | undefined;
  /** Numbers of the recipe's own users and groups. */
  ledger: Ids;
}

export class ImageLayers {
  readonly #context: Context;
  readonly #image: ImageToLayer;
  readonly #compression: Compression;
  readonly #workers: LayerWorkers;
  readonly #directory: string;
  readonly #packageLayers: PackageLayers;
  #isCertain = false;

  private constructor(context: Context, image: ImageToLayer, workers: LayerWorkers, directory: string) {
    this.#directory = directory;
    this.#context = context;
    this.#image = image;
    this.#compression = compressionOf(image.locked.loaded.recipe.layers);
    this.#workers = workers;
    this.#packageLayers = new PackageLayers(context, this.#compression, workers);
  }

  static async open(context: Context, image: ImageToLayer, workDirectory: string): Promise<ImageLayers> {
    const workers = await LayerWorkers.open(context, join(workDirectory, 'layers'));
    return new ImageLayers(context, image, workers, workDirectory);
  }

  /**
   * With the owners that the tree has by now: before the transaction, and again when it has made users and groups. Once
   * all owners had their numbers, another call does nothing.
   */
  async begin(): Promise<void> {
    if (this.#isCertain) return;
    const { locked, packages } = this.#image;
    const expected = await predictBefore(packages, locked.loaded.recipe, this.#image);
    const planned = plannedLayers(locked.answer, expected);
    this.#isCertain = planned.every((one) => one.isCertain);
    this.#packageLayers.begin(planned);
  }

  /** Makes again what rpm or a scriptlet has made otherwise. Throws as writeLayers does. */
  async finish(installed: InstalledImage): Promise<WrittenLayers> {
    const { locked, packages, target, parent } = this.#image;
    const predicted = await predictAfter(packages, { target, ...installed });
    return writeLayers(this.#context, {
      recipe: locked.loaded.recipe.name,
      target,
      tree: installed.tree,
      parent,
      planned: plannedLayers(locked.answer, predicted),
      packageLayers: this.#packageLayers,
      directory: this.#directory,
      dbPath: installed.dbPath,
      compression: this.#compression,
      isKnown: predicted.isKnown,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#packageLayers[Symbol.asyncDispose]();
    await this.#workers[Symbol.asyncDispose]();
  }
}
