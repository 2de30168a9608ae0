/** What faults are planted under: images in each compression, and what a sound program makes of them. */
import { mkdir, readdir, link, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { temporary, withWorkPlace } from '../../../../spec/places.ts';
import { rpmbuild } from '../../../../spec/rpmbuild.ts';
import { run } from '../../../../src/lib/host/exec.ts';
import { unmountAllBelow } from '../../../../src/lib/host/mounts.ts';
import type { Compression } from '../../../../src/stages/layer/compress/compress.ts';
import { Desk } from '../../../helpers/milliner.ts';
import { tinyPackages } from '../../../helpers/tiny/tiny.ts';
import { applied, type Applied } from './applied.ts';

export type Kind = Compression['kind'];
export const kinds: Kind[] = ['zstd', 'gzip', 'zstd:chunked'];

export interface Subject {
  kind: Kind;
  /** On no base: where a base is read before, it is what shows a fault in readers. */
  isAlone: boolean;
}

export interface Sound {
  manifestDigest: string;
  tree: Applied;
  /** To build it, in milliseconds. */
  took: number;
}

export class Scene {
  readonly desk: Desk;
  readonly #sound = new Map<string, Promise<Sound>>();

  private constructor(desk: Desk) {
    this.desk = desk;
  }

  static async open(): Promise<Scene> {
    const scene = new Scene(await Desk.open());
    await scene.#packages();
    const common = { packages: ['planted-old'], docs: false };
    const [first, second] = ['1', '2'].map((name) => ({
      name: `repository-${name}`,
      baseurl: scene.desk.path(name),
      gpgcheck: false,
    }));
    await scene.desk.recipe('planted-base', { ...common, repos: [first] });
    const onBase = { from: 'planted-base', repos: [second], allow: { replace: ['planted-old'] } };
    for (const subject of kinds.flatMap((kind) => [true, false].map((isAlone) => ({ kind, isAlone })))) {
      await scene.desk.recipe(productOf(subject), {
        ...(subject.isAlone ? { repos: [first, second] } : onBase),
        docs: false,
        languages: ['en'],
        packages: ['planted-old = 2', 'planted-files', 'planted-more', 'planted-whole'],
        layers: { compression: subject.kind },
      });
    }
    await scene.desk.build('planted-base');
    return scene;
  }

  /** Built when it is first asked for. */
  sound(subject: Subject): Promise<Sound> {
    const name = productOf(subject);
    const made = this.#sound.get(name) ?? this.#build(name);
    this.#sound.set(name, made);
    return made;
  }

  #build(name: string): Promise<Sound> {
    return this.withState(`sound-${name}`, async (state) => {
      const begun = performance.now();
      const { manifestDigest } = await this.desk.build(name, '--state', state);
      const took = performance.now() - begun;
      return { manifestDigest, tree: applied(blobsOf(state), manifestDigest), took };
    });
  }

  recipeOf(subject: Subject): string {
    return join(this.desk.recipes, `${productOf(subject)}.yaml`);
  }

  /** A copy of the state that has the base and nothing of the products; it goes afterwards. */
  async withState<T>(name: string, fn: (state: string) => Promise<T>): Promise<T> {
    const state = this.desk.path('states', name);
    await mkdir(this.desk.path('states'), { recursive: true });
    await run('cp', ['-a', '--reflink=auto', this.desk.state, state]);
    try {
      return await fn(state);
    } finally {
      await unmountAllBelow(state, { detach: true });
      await rm(state, { recursive: true, force: true });
    }
  }

  /** tiny-base and the first generation; the second, in which everything is new to the state. */
  async #packages(): Promise<void> {
    const tiny = await tinyPackages();
    const sources = import.meta.dirname;
    await withWorkPlace(async () => {
      const mark = join(await temporary('mark'), 'mark');
      await run('gcc', ['-static', '-O1', '-o', mark, join(sources, 'mark.c')]);
      for (const generation of ['1', '2']) {
        // Compressed as fast as can be: every build reads them.
        const defines = { generation, _binary_payload: 'w1.zstdio' };
        const spec = join(sources, 'planted.spec');
        const how = { spec, sources, epoch: 1_704_067_200, defines, paths: { mark } };
        await rpmbuild(how, this.desk.path(generation));
      }
    });
    const base = (await readdir(tiny.packages)).find((name) => name.startsWith('tiny-base-'))!;
    await link(join(tiny.packages, base), this.desk.path('1', base));
  }

  async remove(): Promise<void> {
    await this.desk.remove();
  }
}

const productOf = ({ kind, isAlone }: Subject): string =>
  `planted-${isAlone ? 'alone-' : ''}${kind.replace(':', '-')}`;
export const blobsOf = (state: string): string => join(state, 'blobs', 'sha256');
