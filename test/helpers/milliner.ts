/** Runs the command line as its users do: the built program in a process of its own, with its own state directory. */
import { existsSync } from 'node:fs';
import { copyFile, cp, link, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { checkout } from '../../spec/places.ts';
import { start } from '../../src/lib/host/exec.ts';
import { inOneProcess } from './command-client.ts';
import { tinyPackages } from './tiny/tiny.ts';

export { checkout };
export const cli = join(checkout, 'dist', 'cli.js');

/**
 * A wrapper: what it runs is another user than root. The checkout may lie where only root looks, below /root for one:
 * this user may read it all the same.
 */
export const asNobody = [
  'setpriv',
  '--reuid=65534',
  '--regid=65534',
  '--clear-groups',
  '--inh-caps=+dac_override',
  '--ambient-caps=+dac_override',
];

/** The servers of the tests are on this host, and send on to each other. */
export const network = { MILLINER_PRIVATE_NETWORKS: '127.0.0.0/8 ::1' };
/** Virtual machines have no hardware in CI, and so they have none elsewhere. */
const fixed = { ...network, MILLINER_TCG: '1' };

export interface Ended {
  /** Undefined where a signal ended it. */
  code: number | undefined;
  signal: string | undefined;
  stdout: string;
  stderr: string;
}

export interface ErrorAnswer {
  code: string;
  message: string;
  hint: string;
  /** Of the first mistake in a file of the user's. */
  file?: string;
  line?: number;
  column?: number;
  suggestion?: string;
  details?: Record<string, unknown>;
}

export interface RunSettings {
  wrapper?: string[];
  cwd?: string;
  env?: Record<string, string>;
}

/** What `build --json` answers. */
export interface BuildAnswer {
  name: string;
  manifestDigest: string;
  configDigest: string;
  layers: { digest: string; diffID: string; size: number; mediaType: string }[];
  packages: number;
  lockDigest: string;
  seconds: number;
}

/** A directory with recipes, a state and whatever else a test needs; all of it goes with `remove`. */
export class Desk {
  readonly directory: string;
  readonly state: string;
  readonly recipes: string;

  private constructor(directory: string) {
    this.directory = directory;
    this.state = join(directory, 'state');
    this.recipes = join(directory, 'recipes');
  }

  static async open(place = tmpdir()): Promise<Desk> {
    const desk = new Desk(await mkdtemp(join(place, 'milliner-cli-')));
    await mkdir(desk.recipes);
    return desk;
  }

  async remove(): Promise<void> {
    await rm(this.directory, { recursive: true, force: true });
  }

  path(...names: string[]): string {
    return join(this.directory, ...names);
  }

  /** A plain directory of packages: tiny-base, tiny-app unless a damaged one is asked for, and those named. */
  async repository(name: string, packages: string[], damaged?: string): Promise<string> {
    const tiny = await tinyPackages();
    const place = this.path(name);
    await mkdir(place, { recursive: true });
    const all = await readdir(tiny.packages);
    for (const wanted of packages) {
      const file = all.find((candidate) => candidate.replace(/-[^-]+-[^-]+$/, '') === wanted);
      if (!file) throw new Error(`there is no package ${wanted}`);
      await link(join(tiny.packages, file), join(place, file)).catch(async (error: NodeJS.ErrnoException) => {
        // A virtual machine has its packages on another disk.
        if (error.code !== 'EXDEV') throw error;
        await copyFile(join(tiny.packages, file), join(place, file));
      });
    }
    if (damaged !== undefined) await cp(join(tiny.damaged, damaged), place, { recursive: true });
    return place;
  }

  /** Writes a recipe; what is not given is as small as it can be. */
  async recipe(name: string, fields: Record<string, unknown>): Promise<string> {
    const path = join(this.recipes, `${name}.yaml`);
    await writeFile(path, stringify({ name, tools: 'host', ...fields }));
    return path;
  }

  /** A recipe of the named packages from a plain directory that holds just these. */
  async tiny(name: string, packages: string[], fields: Record<string, unknown> = {}): Promise<string> {
    const baseurl = await this.repository(`packages-${name}`, packages);
    const { key } = await tinyPackages();
    return this.recipe(name, { repos: [{ name: 'tiny', baseurl, keys: [key] }], packages, ...fields });
  }

  start(args: string[], { wrapper = [], cwd = this.directory, env = {} }: RunSettings = {}) {
    const [program = '', ...rest] = [...wrapper, process.execPath, cli, ...args];
    // However long a busy disk makes it clear up after SIGTERM: nobody ends it by force.
    return start(program, rest, {
      cwd,
      env: { MILLINER_STATE: this.state, ...fixed, ...env },
      killAfter: false,
    });
  }

  async run(args: string[], options: RunSettings = {}): Promise<Ended> {
    const { wrapper, cwd = this.directory, env = {} } = options;
    const order = { args, cwd, env: { MILLINER_STATE: this.state, ...fixed, ...env } };
    const outcome = wrapper === undefined ? await inOneProcess(order) : undefined;
    if (outcome) return { ...outcome, signal: undefined };
    const { exitCode, signal, stdout, stderr } = await this.start(args, options);
    return { code: exitCode, signal, stdout, stderr };
  }

  /** A run that must end well, and its answer. */
  async json<T>(args: string[]): Promise<T> {
    const ended = await this.run([...args, '--json']);
    if (ended.code !== 0) throw new Error(`milliner ${args.join(' ')}: ${ended.stderr}${ended.stdout}`);
    return JSON.parse(ended.stdout) as T;
  }

  async build(recipe: string, ...flags: string[]): Promise<BuildAnswer> {
    return this.json<BuildAnswer>(['build', recipe, ...flags]);
  }

  /** A run that must fail: its error, and the exit code that came with it. */
  async fails(
    args: string[],
    options: RunSettings = {},
  ): Promise<ErrorAnswer & { exit: number | undefined }> {
    const ended = await this.run([...args, '--json'], options);
    if (ended.code === 0) throw new Error(`milliner ${args.join(' ')} ended well: ${ended.stdout}`);
    let answer: { error: ErrorAnswer };
    try {
      answer = JSON.parse(ended.stdout) as { error: ErrorAnswer };
    } catch {
      throw new Error(`no JSON on stdout: ${ended.stdout}\n${ended.stderr} (${ended.code} ${ended.signal})`);
    }
    return { ...answer.error, exit: ended.code };
  }
}

if (!existsSync(cli)) throw new Error(`${cli} is not built: npm run build`);
