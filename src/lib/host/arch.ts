/** Architectures, as rpm calls them, and those of them that this host runs. */
import { existsSync, readFileSync } from 'node:fs';
import { MillinerError } from '../errors/error.ts';
import { emulatedArches } from './emulation.ts';

export const arches = [
  'x86_64',
  'x86_64_v2',
  'x86_64_v3',
  'x86_64_v4',
  'i686',
  'aarch64',
  'ppc64le',
  's390x',
] as const;

const rpmArches: Record<string, string> = {
  x64: 'x86_64',
  arm64: 'aarch64',
  ppc64: 'ppc64le',
  s390x: 's390x',
};

/**
 * The processor flags that each level adds to the ones before it (x86-64 psABI, 3.1.1), as /proc/cpuinfo spells them.
 */
const levels: Record<string, string> = {
  x86_64_v2: 'cx16 lahf_lm popcnt pni sse4_1 sse4_2 ssse3',
  x86_64_v3: 'avx avx2 bmi1 bmi2 f16c fma abm movbe xsave',
  x86_64_v4: 'avx512f avx512bw avx512cd avx512dq avx512vl',
};

export function hostArch(): string {
  const arch = rpmArches[process.arch];
  if (arch) return arch;
  throw new MillinerError('HOST_MISSING', `Milliner does not know the architecture ${process.arch}`);
}

/**
 * The architectures that this host can run, best first: its own, the levels of it that its processor supports, its
 * 32-bit one, and those that qemu-user runs for it.
 */
export function hostArches(): string[] {
  const native = nativeArches();
  return [...native, ...emulatedArches().filter((arch) => !native.includes(arch))];
}

function nativeArches(): string[] {
  const own = hostArch();
  if (own !== 'x86_64') return [own];
  const flags = /^flags\s*:(.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1] ?? '';
  // The kernel has this setting only if it is built to run 32-bit programs.
  const small = existsSync('/proc/sys/abi/vsyscall32') ? ['i686'] : [];
  return [own, ...levelsOf(flags), ...small];
}

/** @param flags of the processor, with spaces between them */
export function levelsOf(flags: string): string[] {
  const there = new Set(flags.split(/\s+/));
  const names = Object.keys(levels);
  const lacking = names.findIndex((name) => !levels[name]!.split(' ').every((flag) => there.has(flag)));
  return lacking < 0 ? names : names.slice(0, lacking);
}

/** The architectures of the packages that an image may contain, the image's own first. */
export function archesFor(arch: string): string[] {
  if (arch === 'i686') return ['i686', 'i586', 'i486', 'i386'];
  const names = Object.keys(levels);
  return names.includes(arch) ? [...names.slice(0, names.indexOf(arch) + 1).toReversed(), 'x86_64'] : [arch];
}

/**
 * The architecture of a recipe that this host builds: the requested one, else the host's own, else the lowest that the
 * host can run. Throws HOST_MISSING.
 */
export function archToBuild(wanted: string | undefined, ofRecipe: readonly string[] | undefined): string {
  const runs = hostArches();
  // Where the host can run none of them, the lock reports that it has no entry for the host's own.
  if (wanted === undefined) return runs.find((arch) => ofRecipe?.includes(arch)) ?? runs[0]!;
  if (runs.includes(wanted)) return wanted;
  throw new MillinerError('HOST_MISSING', `the host runs ${runs.join(', ')}, but not ${wanted}`, {
    hint: `Build it on a host with a processor of ${wanted}, or with qemu-user for it: milliner doctor says whether it is there.`,
  });
}
