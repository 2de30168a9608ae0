/** For `doctor`: checks what this host can do, what it lacks, and which command repairs that. */
import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { unifiedHierarchy } from '../../lib/container/cgroups.ts';
import { findRuntime, runtimeProblem } from '../../lib/container/runtime.ts';
import { probeTracing } from '../../lib/container/trace.ts';
import { guestIds } from '../../lib/container/userns.ts';
import { MillinerError } from '../../lib/errors/error.ts';
import { runConfined } from '../../lib/host/confined.ts';
import { hostArches } from '../../lib/host/arch.ts';
import { readEmulations } from '../../lib/host/emulation.ts';
import { targetVersion } from '../../lib/host/device-mapper.ts';
import { run } from '../../lib/host/exec.ts';
import { native } from '../../lib/host/native.ts';
import { inotifyRoom, raise } from '../../stages/boot/inotify.ts';
import { checkControllers } from '../../stages/boot/limits.ts';
import { probeOverlay, probeShifted } from '../../stages/snapshot/probe-overlay.ts';
import { findConfig } from '../../stages/snapshot/thin/pool-config.ts';
import { isSound, minimums, versionOf, type Minimum } from './minimums.ts';

export interface Finding {
  what: string;
  ok: boolean;
  /** What was found, or the problem. */
  found: string;
  mend?: string;
  /** What would be better, if it is sufficient. */
  advice?: string;
  /** The only feature that needs it; if absent, everything does. */
  only?: 'queue' | 'systemd';
}

/** Program, purpose, package on Debian and on Fedora, option that prints the version. */
const programs = [
  ['rpm', 'checks and, with tools: host, installs packages', 'rpm', 'rpm', '--version'],
  ['rpmkeys', 'checks signatures', 'rpm', 'rpm', '--version'],
  ['gpg', 'reads key files and verifies signed metadata', 'gpg', 'gnupg2', '--version'],
  [
    'bwrap',
    'confines what reads packages, metadata, keys and databases',
    'bubblewrap',
    'bubblewrap',
    '--version',
  ],
  ['gzip', 'unpacks metadata', 'gzip', 'gzip', '--version'],
  ['zstd', 'unpacks metadata', 'zstd', 'zstd', '--version'],
  ['xz', 'unpacks older packages and metadata', 'xz-utils', 'xz', '--version'],
] as const;
const redis = [
  'redis-server',
  'the queue, without MILLINER_REDIS',
  'redis-server',
  'redis',
  '--version',
] as const;

/** @param allowHostRoot whether a kernel without user namespaces is acceptable */
export async function examine(state: string, allowHostRoot: boolean | undefined): Promise<Finding[]> {
  const findings = [
    await probe('root', async () => {
      if (process.getuid?.() !== 0)
        throw new MillinerError('NOT_ROOT', `running as uid ${process.getuid?.()}`);
      return 'yes';
    }),
    await probe('native addon', async () => `libsolv ${native().libsolvVersion}`),
  ];
  for (const program of programs) findings.push(await probeProgram(program));
  findings.push({ ...(await probeProgram(redis)), only: 'queue' });
  const runtime = await findRuntime(runtimeProblem).catch(() => undefined);
  for (const minimum of minimums) {
    // A missing runtime is reported below.
    const isOther = ['runc', 'crun'].includes(minimum.program) && minimum.program !== runtime;
    if (!isOther) findings.push(await probeVersion(minimum));
  }
  findings.push(
    await probe('processor (architectures)', async () => hostArches().join(', ')),
    describeEmulation(),
    await probe('OCI runtime', () => findRuntime(runtimeProblem)),
    await probe('confining programs (bubblewrap)', async () => {
      await runConfined('true', [], {});
      return 'works';
    }),
    await probe('following scriptlets (ptrace)', probeTracing),
    await probe('control groups', describeControlGroups),
    {
      ...(await probe('systemds side by side (inotify)', async () => {
        const { systemds, limit, used } = await inotifyRoom();
        if (systemds > 0) return `${systemds} (${used} of ${limit} instances are used)`;
        throw new MillinerError('HOST_MISSING', `none: ${used} of ${limit} instances are used`, {
          hint: raise,
        });
      })),
      // Other programs may use them up for a while; each start checks for itself.
      only: 'systemd',
    },
    await probe('overlay snapshots', async () => {
      // A missing state directory will be on the file system of its nearest existing parent.
      const place = nearest(state);
      await probeOverlay(place);
      return `work in ${place}`;
    }),
    await probe('dm-thin snapshots', () => describeThin(state)),
    await probe("a root apart from the host's (user namespaces)", () => describeRoot(state, allowHostRoot)),
  );
  return findings;
}

/** @param ask returns the version of a program or of the kernel */
export async function probeVersion(minimum: Minimum, ask = versionOf): Promise<Finding> {
  const { program, since, reason, isAdvice } = minimum;
  const wanted = `${program} ${since.join(' or ')} (${reason})`;
  const finding = await probe(isAdvice ? program : wanted, () => ask(program));
  if (!finding.ok || isSound(finding.found, minimum)) return finding;
  if (isAdvice) return { ...finding, advice: wanted };
  return { ...finding, ok: false, mend: mendVersion(program) };
}

function mendVersion(program: Minimum['program']): string {
  if (program === 'kernel') return "install the distribution's newest kernel and restart";
  const [debian, fedora] = program === 'gpg' ? ['gpg', 'gnupg2'] : [program, program];
  return installCommand(debian, fedora);
}

/** Recipes for other architectures need it; most have none. */
function describeEmulation(): Finding {
  const what = 'programs of other architectures (qemu-user)';
  const there = readEmulations();
  const works = there.filter(({ problem }) => problem === undefined).map(({ arch }) => arch);
  const broken = there.flatMap(({ arch, problem }) => (problem === undefined ? [] : [`${arch} ${problem}`]));
  const found = [...works, ...broken].join(', ') || 'none';
  const [debian, fedora] = ['qemu-user-binfmt', 'qemu-user-static'];
  const advice = `registered with the flag F (${installCommand(debian, fedora)})`;
  return { what, ok: true, found, ...(broken.length > 0 && { advice }) };
}

async function describeControlGroups(): Promise<string> {
  await checkControllers({ cpus: 1 });
  const unified = await unifiedHierarchy();
  if (!unified) return 'version 1 alone: images with systemd 256 or later do not boot';
  return unified.controls ? 'version 2' : 'version 1 with limits, version 2 for systemd';
}

/** A worker takes no builds that this host could not run, unless the operator allows containers as the host's root. */
async function describeRoot(state: string, allowHostRoot: boolean | undefined): Promise<string> {
  // The file systems of a pool are probed when one is mounted. Probing here would have to create a device.
  if ((await findConfig(state))?.phase === 'ready') return "as the pool's file systems have it";
  try {
    await probeShifted(nearest(state), guestIds);
    return `${guestIds.size} ids from ${guestIds.start} on`;
  } catch (error) {
    if (allowHostRoot !== true || !(error instanceof MillinerError)) throw error;
    return `none, as --allow-host-root allows (${error.message})`;
  }
}

/** Without dm-thin the overlay snapshotter is used. A pool that was set up must work. */
async function describeThin(state: string): Promise<string> {
  const pool = await findConfig(state);
  try {
    const version = await targetVersion('thin-pool');
    if (pool?.phase !== 'ready') return `possible (thin-pool ${version}), no pool is set up: overlay is used`;
    return `pool ${pool.uuid} (thin-pool ${version})`;
  } catch (error) {
    if (pool?.phase === 'ready' || !(error instanceof MillinerError)) throw error;
    return `not here (${error.message}): overlay is used`;
  }
}

async function probeProgram([program, purpose, debian, fedora, flag]:
  (typeof programs)[number] | typeof redis): Promise<Finding> {
  const version = async () => (await run(program, [flag])).stdout.split('\n')[0]!;
  const finding = await probe(`${program} (${purpose})`, version);
  return finding.ok ? finding : { ...finding, mend: installCommand(debian, fedora) };
}

export async function probe(what: string, look: () => Promise<string>): Promise<Finding> {
  try {
    return { what, ok: true, found: await look() };
  } catch (error) {
    const hint = error instanceof MillinerError ? error.hint : '';
    return { what, ok: false, found: (error as Error).message, ...(hint && { mend: hint }) };
  }
}

export function installCommand(debian: string, fedora: string): string {
  return existsSync('/usr/bin/apt-get') ? `apt-get install ${debian}` : `dnf install ${fedora}`;
}

function nearest(path: string): string {
  return existsSync(path) ? path : nearest(dirname(path));
}
