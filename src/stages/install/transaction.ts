/** The transaction: real rpm installs the packages into the target and reports problems. */
import type { Trace } from '../../lib/container/trace.ts';
import { MillinerError } from '../../lib/errors/error.ts';
import type { Progress } from '../../lib/host/progress.ts';
import { runSteps } from './run-steps.ts';
import { makeInputs, rpmOptions, type RpmInputs } from './rpm-inputs.ts';
import { runInSandbox, type Sandbox, type SandboxCommand } from './sandbox.ts';
import {
  identifyRuns,
  scriptletsOf,
  type OwnedScriptlet,
  type Run,
  type ScriptedPackage,
} from './scriptlet-runs.ts';
import { stepsOf, type BasePackages } from './transaction-steps.ts';
import { labelOf, ReportScanner, type KnownNames, type RpmReport } from './rpm-reports.ts';

export interface TransactionOptions extends RpmInputs {
  base: BasePackages;
  /** NEVRAs in the database now. */
  installed: () => Promise<string[]>;
  /** Packages whose scriptlets may run, the base's included. */
  scripted: readonly ScriptedPackage[];
  progress: Progress;
}

/** A line of output of rpm or a scriptlet, with its time, in the order of arrival. */
interface LogLine {
  /** Milliseconds since the epoch. */
  at: number;
  /** The output of rpm and its Lua scriptlets is never mixed with that of scriptlets' programs. */
  stream: 'stdout' | 'stderr' | 'scriptlet';
  text: string;
}

export interface TransactionLog {
  exitCode: number;
  lines: LogLine[];
  /** rpm's messages, found in any other output. */
  reports: RpmReport[];
  /** The programs that rpm ran, in order. */
  runs: Run[];
  /** All scriptlets that could run. */
  scriptlets: OwnedScriptlet[];
  /** Whether times identify the program that made a change: the clock was not set. */
  isSteady: boolean;
  /** Processes that scriptlets left running, and that were killed when rpm ended. */
  endedProcesses: number;
}

export const emptyLog: TransactionLog = {
  exitCode: 0,
  lines: [],
  reports: [],
  runs: [],
  scriptlets: [],
  isSteady: true,
  endedProcesses: 0,
};

export async function runTransaction(sandbox: Sandbox, options: TransactionOptions): Promise<TransactionLog> {
  const { packages, progress } = options;
  const lines: LogLine[] = [];
  const order: string[] = [];
  const reports = new ReportScanner(knownNames(options));
  const { retained, removed } = options.base;
  const scriptlets = scriptletsOf(options.scripted, retained.length + removed.length > 0);
  const names = new Set(packages.map(({ nevra }) => nevra));
  const counts = { rpm: 0, scriptlet: 0 };
  const addLine = (stream: LogLine['stream'], text: string) => {
    // rpm -v prints a package's NEVRA on stdout when its installation begins, with an epoch of 0 if the spec file has
    // one.
    const nevra = text.replace(/-0:(?=[^-]+-[^-]+$)/, '-');
    if (stream === 'stdout' && names.has(nevra)) {
      order.push(nevra);
      progress.update('installing', new Set(order).size, packages.length);
    } else if (counts[stream === 'scriptlet' ? stream : 'rpm']++ < maxLogLines)
      lines.push({ at: Date.now(), stream, text });
  };
  const inputs = await makeInputs(sandbox, options);
  const traces: Trace[] = [];
  const runs = () =>
    identifyRuns(
      traces.flatMap(({ programs }) => programs),
      scriptlets,
      order,
    );
  const rpm = async (...args: string[]) => {
    const before = traces.length;
    const { exitCode } = await runInTurn(runs, sandbox, {
      args: ['rpm', ...rpmOptions(options), '--nosignature', ...args],
      inputs: inputs.binds,
      onStdout: (text) => addLine('stdout', text),
      onStderr: (text) => addLine('stderr', text),
      onStderrBytes: (chunk) => reports.push(chunk),
      onProgramLine: (text) => addLine('scriptlet', text),
      onTrace: (one) => traces.push(one),
    });
    // Without a complete trace any program may have run.
    if (!traces[before]?.isComplete && exitCode === 0)
      throw new MillinerError(
        'COMMAND_FAILED',
        'Milliner could not isolate rpm from its scriptlets and trace it to its end, or rpm ran more than 100,000 programs',
      );
    return exitCode;
  };
  const steps = stepsOf(packages, options.base);
  const exitCode = await runSteps(steps, { ...options, rpm, files: inputs.files });
  const log = { exitCode, lines, reports: reports.end(), runs: runs(), scriptlets };
  const endedProcesses = traces.reduce((sum, one) => sum + one.left, 0);
  return { ...log, isSteady: traces.every(({ isSteady }) => isSteady), endedProcesses };
}

/** Makes an empty database for an image without packages, so that rpm works in it. */
export async function makeDatabase(sandbox: Sandbox, dbPath: string): Promise<void> {
  const { exitCode, stderr } = await runInSandbox(sandbox, {
    args: ['rpm', ...rpmOptions({ dbPath }), '--define', '_db_backend sqlite', '--initdb'],
  });
  if (exitCode === 0) return;
  throw new MillinerError('INSTALL_FAILED', `rpm --initdb exited ${exitCode}: ${stderr.trim()}`);
}

/** If a program is killed for its time, the error names the scriptlet that ran, if it is known. */
async function runInTurn(runs: () => Run[], sandbox: Sandbox, command: SandboxCommand) {
  const deadline = BigInt(Date.now() + sandbox.timeout) * 1_000_000n;
  try {
    return await runInSandbox(sandbox, command);
  } catch (error) {
    if (!(error instanceof MillinerError) || error.code !== 'LIMIT_EXCEEDED') throw error;
    const limit = error.details?.['limit'];
    if (limit === 'disk') throw diskFullError(sandbox, runs(), error);
    // Killed with the rest. A Lua scriptlet runs inside rpm, and programs that ended before did not take the time.
    const isStopped = ({ status, end }: Run) => status === killed && (limit !== 'time' || end >= deadline);
    const last = runs().slice(-1).find(isStopped);
    const { nevra, kind } = last?.scriptlet ?? {};
    const who =
      nevra !== undefined
        ? `%${kind}(${nevra}) was running`
        : `${last ? 'an unknown' : 'no'} scriptlet's process was running`;
    const details = {
      ...error.details,
      ...(nevra !== undefined && { package: nevra, scriptlet: `%${kind}` }),
    };
    throw new MillinerError('LIMIT_EXCEEDED', `${error.message}; ${who}`, {
      cause: error,
      hint: hints[limit as keyof typeof hints],
      details,
    });
  }
}

/** Programs that ran when the disk last had room, or later: one may have ended before the next check. */
function diskFullError(sandbox: Sandbox, runs: readonly Run[], cause: MillinerError): MillinerError {
  const since = BigInt(Number(cause.details['since'])) * 1_000_000n;
  const scriptlets = runs.filter(({ end }) => end >= since).flatMap(({ scriptlet }) => scriptlet ?? []);
  const names = [...new Set(scriptlets.map(({ kind, nevra }) => `%${kind}(${nevra})`))];
  const [one] = scriptlets;
  const isSure = one && names.length === 1;
  const details = isSure ? { package: one.nevra, scriptlet: `%${one.kind}` } : { scriptlets: names };
  return targetFull(sandbox, `${names.join(' or ') || "no scriptlet's process"} was running`, {
    cause,
    details,
  });
}

/** The disk is full by the recipe's limit, or because the host has no more space. */
export function targetFull(
  { disk: { maxBytes, isHosts } }: Pick<Sandbox, 'disk'>,
  who: string,
  { cause, details }: { cause: unknown; details?: object },
): MillinerError {
  const what = `the installation filled the ${maxBytes} bytes that `;
  if (isHosts) {
    const message = `${what}the file system of the state has left for it; ${who}`;
    return new MillinerError('DISK_FULL', message, { cause, details: { ...details, mostBytes: maxBytes } });
  }
  return new MillinerError('INSTALL_DISK_FULL', `${what}it may take (install: disk); ${who}`, {
    cause,
    details: { ...details, mostBytes: maxBytes },
  });
}

function knownNames({ scripted, packages }: TransactionOptions): KnownNames {
  return {
    labels: new Set(
      scripted.flatMap(({ nevra, scriptlets }) => scriptlets.map(({ kind }) => labelOf(`%${kind}`, nevra))),
    ),
    owners: new Set(packages.flatMap(({ files }) => files.flatMap(({ user, group }) => [user, group]))),
  };
}

/** SIGKILL, as in waitpid(2). */
const killed = 9;

const hints = {
  time: 'Fix what takes so long. If the transaction needs more time, raise the limit in the recipe: install: {timeout: 3h}.',
  memory:
    'Fix what takes so much. If the transaction needs more memory, raise the limit in the recipe: install: {memory: 8G}.',
  output: 'Fix the scriptlet of the named package: no recipe can allow it more.',
};

/** For rpm, and for all scriptlets together: endless output must not fill memory. */
const maxLogLines = 100_000;
