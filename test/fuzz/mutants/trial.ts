/** One package, as a build takes it and as rpm alone does: the same tree, or neither has one. */
import { execFileSync } from 'node:child_process';
import { link, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { MillinerError } from '../../../src/lib/errors/error.ts';
import { silent } from '../../../src/lib/host/progress.ts';
import type { Lock } from '../../../src/stages/lock/lock-file.ts';
import { build } from '../../../src/pipeline/build/build.ts';
import { openContext, type Context } from '../../../src/pipeline/state/context.ts';
import { hostArch } from '../../../src/lib/host/arch.ts';
import { cache } from '../../helpers/demo-recipes.ts';
import { isNormalised } from '../../helpers/trees/normalized-paths.ts';
import { installPlainly } from '../../helpers/trees/plain-install.ts';
import { compareTrees } from '../../helpers/trees/compare-trees.ts';

export interface Outcome {
  /** Of the error with which the build ended; undefined where it made an image. */
  code?: string;
  message?: string;
  /** What the image shows otherwise than the tree of rpm alone; of a build that failed, nothing. */
  differences: string[];
}

/** Long enough for a transaction of two small packages on a busy machine; what takes longer hangs. */
const patience = 60;
/** Made for the transaction: an image has them only where a package does. */
const mountPoint = /^\/(?:dev|proc)$/;
const dbPath = '/usr/lib/sysimage/rpm';

export class Trials {
  readonly directory: string;
  readonly #context: Context;
  #next = 0;

  private constructor(directory: string, context: Context) {
    this.directory = directory;
    this.#context = context;
  }

  static async open(): Promise<Trials> {
    const directory = await mkdtemp(join(tmpdir(), 'milliner-mutants-'));
    const state = join(directory, 'state');
    return new Trials(directory, await openContext({ state, storage: 'overlay', progress: silent }));
  }

  async close(): Promise<void> {
    await this.#context.close();
    await rm(this.directory, { recursive: true, force: true });
  }

  /** @param others package files that are installed with it */
  async run(rpm: Buffer, others: string[]): Promise<Outcome> {
    const work = join(this.directory, String(this.#next++));
    await mkdir(join(work, 'packages'), { recursive: true });
    await writeFile(join(work, 'packages', 'mutant.rpm'), rpm);
    for (const path of others) await link(path, join(work, 'packages', basename(path)));
    try {
      return await this.#compare(work);
    } finally {
      await rm(work, { recursive: true, force: true });
    }
  }

  async #compare(work: string): Promise<Outcome> {
    const { state } = this.#context;
    const code = await this.#build(work);
    if (code) return { ...code, differences: [] };
    execFileSync('umoci', ['unpack', '--image', `${join(work, 'layout')}:mutated`, join(work, 'bundle')], {
      stdio: 'pipe',
    });
    const lock = JSON.parse(await readFile(join(work, 'mutated.lock.json'), 'utf8')) as Lock;
    let plain: ReturnType<typeof installPlainly>;
    try {
      plain = installPlainly(work, state, lock.arches[hostArch()]!, dbPath, { timeout: patience * 1000 });
    } catch (error) {
      return { differences: [`rpm alone installs nothing: ${(error as Error).message}`] };
    }
    return {
      differences: await compareTrees(
        join(work, 'bundle', 'rootfs'),
        plain.target,
        (path) => isNormalised(path) || mountPoint.test(path),
      ),
    };
  }

  /** As `milliner build` does it, which locks first. */
  async #build(work: string): Promise<Pick<Outcome, 'code' | 'message'> | undefined> {
    const recipe = join(work, 'mutated.yaml');
    await writeFile(recipe, JSON.stringify(this.#recipe(join(work, 'packages'))));
    const context = { ...this.#context, signal: AbortSignal.timeout(2 * patience * 1000) };
    try {
      await build(context, recipe, { arch: hostArch(), output: join(work, 'layout') });
      return undefined;
    } catch (error) {
      if (!(error instanceof MillinerError)) throw error;
      return { code: error.code, message: error.message };
    }
  }

  #recipe(baseurl: string): object {
    const repository = join(cache, 'repository');
    const keys = [join(repository, 'keys/RPM-GPG-KEY-milliner-demo')];
    return {
      name: 'mutated',
      repos: [
        { name: 'mutants', baseurl, gpgcheck: false, priority: 1 },
        { name: 'demo', baseurl: join(repository, 'packages'), keys },
      ],
      packages: ['mutant', 'mutant-neighbour'],
      docs: false,
      layers: { compression: 'gzip' },
      install: { timeout: `${patience}s` },
    };
  }
}
