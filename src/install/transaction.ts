/** The transaction: real rpm puts the packages into the target, and says what went wrong. */
import { link, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { MillinerError } from '../errors.ts';
import type { Progress } from '../host/progress.ts';
import type { RpmPackage } from '../rpm/package.ts';
import { runInSandbox, type Sandbox, type SandboxCommand } from './sandbox.ts';
import { stepsOf, type Below, type Step } from './steps.ts';

export interface TransactionOptions {
  packages: RpmPackage[];
  below: Below;
  /** NEVRAs that the database has by now. */
  installed: () => Promise<string[]>;
  /** Where the image keeps its rpm database, absolute. */
  dbPath: string;
  arch: string;
  docs: boolean;
  languages?: string[] | undefined;
  progress: Progress;
}

/** A line that rpm or a scriptlet wrote, in the order and at the time it came. */
export interface LogLine {
  /** Milliseconds since the epoch. */
  at: number;
  stream: 'stdout' | 'stderr';
  text: string;
}

export interface TransactionLog {
  exitCode: number;
  lines: LogLine[];
  /** When each package's turn began, in rpm's order. */
  started: { nevra: string; at: number }[];
}

export async function runTransaction(sandbox: Sandbox, options: TransactionOptions): Promise<TransactionLog> {
  const { packages, progress } = options;
  const lines: LogLine[] = [];
  const started: TransactionLog['started'] = [];
  const names = new Set(packages.map(({ nevra }) => nevra));
  const keep = (stream: LogLine['stream'], text: string) => {
    const at = Date.now();
    // rpm -v prints a package's NEVRA on stdout when its turn begins; an epoch of 0 where the spec file says so.
    const nevra = text.replace(/-0:(?=[^-]+-[^-]+$)/, '-');
    if (stream === 'stdout' && names.has(nevra)) {
      started.push({ nevra, at });
      progress.update('installing', started.length, packages.length);
    } else if (lines.length < (rpmsWords.test(text) ? 2 : 1) * mostLines)
      lines.push({ at, stream, text: text.slice(0, 4096) });
  };
  const inputs = await makeInputs(sandbox, options);
  const rpm = async (...args: string[]) => {
    const { exitCode } = await runInTurn(started, sandbox, {
      args: ['rpm', ...rpmOptions(options), '--nosignature', ...args],
      inputs: inputs.binds,
      onStdout: (text) => keep('stdout', text),
      onStderr: (text) => keep('stderr', text),
    });
    return exitCode;
  };
  const steps = stepsOf(packages, options.below);
  return { exitCode: await carryOut(steps, { ...options, rpm, files: inputs.files }), lines, started };
}

interface Carrying extends Pick<TransactionOptions, 'below' | 'installed' | 'packages'> {
  /** Gives the exit code. */
  rpm: (...args: string[]) => Promise<number>;
  /** By NEVRA. */
  files: ReadonlyMap<string, string>;
}

/** Gives the first exit code that is not 0. */
async function carryOut(steps: readonly Step[], { below, installed, packages, rpm, files }: Carrying) {
  // The target's keyring has no say in what was verified before, under the recipe's keys. Files are held to their
  // digests where they are laid into frames, on another core. What is older, than what goes or than what
  // stays beside it, is so because the lock says it.
  const run = ({ how, packages: some }: Step, ...options: string[]) =>
    rpm(
      '--nofiledigest',
      ...options,
      how === 'upgrade' ? '-Uv' : '-iv',
      '--oldpackage',
      // Sorted, because rpm breaks ties in its order by the order of its arguments.
      ...some
        .map(({ nevra }) => nevra)
        .toSorted()
        .map((nevra) => files.get(nevra)!),
    );
  const [only, ...others] = steps;
  if (only?.how === 'upgrade' && others.length === 0) return run(only);
  // rpm sees one step at a time, and what one needs another may have: it is asked about dependencies at the end.
  for (const step of steps) {
    if (step.how === 'install') {
      const gone = await lingering(below, installed);
      const erased = gone.length > 0 ? await rpm('-ev', '--nodeps', '--allmatches', ...gone) : 0;
      if (erased !== 0) return erased;
    }
    const exitCode = await run(step, ...(steps.length > 1 ? ['--nodeps'] : []));
    if (exitCode !== 0) return exitCode;
  }
  const nevras = packages.map(({ nevra }) => nevra);
  return steps.length > 1 ? rpm('-V', '--nofiles', '--nodigest', '--noscripts', ...nevras) : 0;
}

/** What only a package obsoletes that stands beside another of its name: -i erases nothing. */
async function lingering({ removed }: Below, installed: () => Promise<string[]>): Promise<string[]> {
  if (removed.length === 0) return [];
  const there = new Set(await installed());
  return removed.filter((nevra) => there.has(nevra));
}

/** An empty database, for an image that has none and installs nothing: whoever asks rpm about it gets an answer. */
export async function makeDatabase(sandbox: Sandbox, dbPath: string): Promise<void> {
  const { exitCode, stderr } = await runInSandbox(sandbox, {
    args: ['rpm', ...rpmOptions({ dbPath }), '--define', '_db_backend sqlite', '--initdb'],
  });
  if (exitCode === 0) return;
  throw new MillinerError('INSTALL_FAILED', `rpm --initdb exited ${exitCode}: ${stderr.trim()}`);
}

/** What is stopped for running too long is named by the package whose turn it was. */
async function runInTurn(started: TransactionLog['started'], sandbox: Sandbox, command: SandboxCommand) {
  try {
    return await runInSandbox(sandbox, command);
  } catch (error) {
    if (!(error instanceof MillinerError) || error.code !== 'LIMIT_EXCEEDED') throw error;
    const turn = started.at(-1)?.nevra;
    throw new MillinerError(
      'LIMIT_EXCEEDED',
      `${error.message}; it was the turn of ${turn ?? 'no package'}`,
      {
        cause: error,
        details: { ...error.details, ...(turn !== undefined && { package: turn }) },
      },
    );
  }
}

/** However much a scriptlet has written before: what rpm says of it decides how the build ends. */
const rpmsWords = /^(?:warning|error): /;
/** A scriptlet that writes for ever must not fill our memory. */
const mostLines = 100_000;

/** Neither the host's nor the target's configuration of rpm has a say, only the tool root's tables and ours. */
export function rpmOptions({ dbPath }: { dbPath: string }): string[] {
  return [
    '--rcfile=/usr/lib/rpm/rpmrc',
    '--macros=/usr/lib/rpm/macros:/milliner/macros',
    '--root=/target',
    `--dbpath=${dbPath}`,
    '--noplugins',
  ];
}

async function makeInputs(sandbox: Sandbox, options: TransactionOptions) {
  const packagesDirectory = join(sandbox.directory, 'packages');
  const configuration = join(sandbox.directory, 'milliner');
  await mkdir(packagesDirectory, { recursive: true });
  await mkdir(configuration, { recursive: true });
  await writeFile(join(configuration, 'macros'), macros(options));
  for (const { nevra, path } of options.packages) await link(path, join(packagesDirectory, fileName(nevra)));
  return {
    files: new Map(options.packages.map(({ nevra }) => [nevra, `/packages/${fileName(nevra)}`])),
    binds: [
      { source: packagesDirectory, target: '/packages' },
      { source: configuration, target: '/milliner' },
    ],
  };
}

function fileName(nevra: string): string {
  return `${nevra.replaceAll(/[^A-Za-z0-9:+~^._-]/g, '_')}.rpm`;
}

/** Digests and signatures were checked, under the recipe's own keys, before any package came here. */
function macros({ dbPath, docs, languages, arch }: TransactionOptions): string {
  const multilib = arch === 'x86_64' || arch === 's390x';
  return [
    `%_dbpath ${dbPath}`,
    '%_db_backend sqlite',
    '%_pkgverify_level none',
    `%_excludedocs ${docs ? 0 : 1}`,
    `%_install_langs ${languages ? languages.join(':') : 'all'}`,
    `%_transaction_color ${multilib ? 3 : 0}`,
    '%_prefer_color 2',
    '',
  ].join('\n');
}
