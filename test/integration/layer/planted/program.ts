/** The built program once more, in a place of its own, for one fault at a time. */
import { cp, link, mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { start } from '../../../../src/lib/host/exec.ts';
import { checkout } from '../../../helpers/milliner.ts';
import type { Point } from './points.ts';

/** A fault may ask for all the memory there is. MiB. */
const heap = 1024;

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

  /** @param place below the checkout, whose node_modules it finds on the way up */
  static async copy(place: string): Promise<Program> {
    await mkdir(place, { recursive: true });
    const ours = join(checkout, 'dist');
    const filter = (path: string) => path !== join(ours, '.compiled');
    await cp(ours, join(place, 'dist'), { recursive: true, filter });
    for (const name of ['package.json', 'oclif.manifest.json'])
      await link(join(checkout, name), join(place, name));
    await symlink(join(checkout, 'native'), join(place, 'native'));
    return new Program(place);
  }

  /** What runs while the fault is there. */
  async with<T>({ file, start: from, end, replacement }: Point, fn: () => Promise<T>): Promise<T> {
    const path = join(this.#place, 'dist', file);
    const sound = await readFile(path, 'utf8');
    await writeFile(path, sound.slice(0, from) + replacement + sound.slice(end));
    try {
      return await fn();
    } finally {
      await writeFile(path, sound);
    }
  }

  /** Ended after `limit` milliseconds, with all that it has started. */
  async run(args: string[], limit: number): Promise<Run> {
    const late = AbortSignal.timeout(Math.ceil(limit));
    const cli = join(this.#place, 'dist', 'cli.js');
    const words = [`--max-old-space-size=${heap}`, cli, ...args];
    const { exitCode, stdout, stderr } = await start(process.execPath, words, {
      cwd: this.#place,
      signal: late,
    });
    return { code: exitCode, stdout, stderr, isLate: late.aborted };
  }

  async remove(): Promise<void> {
    await rm(this.#place, { recursive: true, force: true });
  }
}
