/** The built program once more, in a place of its own, for one fault at a time. */
import { cp, link, mkdir, readFile, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run, start } from '../../../../src/lib/host/exec.ts';
import { checkout } from '../../../helpers/milliner.ts';
import type { Point } from './points.ts';

/** A fault may ask for all the memory there is. MiB of V8, and bytes of a process. */
const heap = 1024;
const data = 4 * 1024 ** 3;

/** The engine's objects without a fault. */
const soundBuild = 'sound';

export interface Run {
  code: number | undefined;
  stdout: string;
  stderr: string;
  isLate: boolean;
}

export class Program {
  readonly #place: string;

  private constructor(place: string) {
    this.#place = place;
  }

  /** @param place below the checkout */
  static async copy(place: string): Promise<Program> {
    const ours = join(checkout, 'dist');
    const filter = (path: string) => path !== join(ours, '.compiled');
    await mkdir(place, { recursive: true });
    await cp(ours, join(place, 'dist'), { recursive: true, filter });
    await copyBuilt(join(checkout, 'native'), join(place, 'native'));
    for (const name of ['package.json', 'oclif.manifest.json'])
      await link(join(checkout, name), join(place, name));
    await symlink(join(checkout, 'node_modules'), join(place, 'node_modules'));
    await run('make', ['-s', '-C', join(place, 'native')]);
    await copyBuilt(join(place, 'native', 'build'), join(place, soundBuild));
    return new Program(place);
  }

  /** What runs while the fault is there; undefined where it does not compile. */
  async with<T>(
    { file, start: from, end, replacement }: Point,
    fn: () => Promise<T>,
  ): Promise<T | undefined> {
    const path = join(this.#place, file);
    const [sound, { atime, mtime }] = [await readFile(path, 'utf8'), await stat(path)];
    await writeFile(path, sound.slice(0, from) + replacement + sound.slice(end));
    try {
      return file.startsWith('native/') && !(await this.#compile()) ? undefined : await fn();
    } finally {
      await writeFile(path, sound);
      await utimes(path, atime, mtime);
      if (file.startsWith('native/')) await this.#restoreObjects();
    }
  }

  /** What has changed alone, in haste, and without warnings: a fault may well deserve one. */
  async #compile(): Promise<boolean> {
    const { exitCode } = await start('make', ['-s', '-C', join(this.#place, 'native'), 'CXXFLAGS=-O0 -w']);
    return exitCode === 0;
  }

  async #restoreObjects(): Promise<void> {
    const build = join(this.#place, 'native', 'build');
    await rm(build, { recursive: true });
    await copyBuilt(join(this.#place, soundBuild), build);
  }

  /** Ended after `limit` milliseconds, with all that it has started. */
  async run(args: string[], limit: number): Promise<Run> {
    const late = AbortSignal.timeout(Math.ceil(limit));
    const cli = join(this.#place, 'dist', 'cli.js');
    const words = [`--data=${data}`, process.execPath, `--max-old-space-size=${heap}`, cli, ...args];
    const { exitCode, stdout, stderr } = await start('prlimit', words, {
      cwd: this.#place,
      signal: late,
    });
    return { code: exitCode, stdout, stderr, isLate: late.aborted };
  }
}

/** make compares times. */
async function copyBuilt(from: string, to: string): Promise<void> {
  const filter = (path: string) => !path.endsWith('/build/sanitized');
  await cp(from, to, { recursive: true, filter, preserveTimestamps: true });
}
