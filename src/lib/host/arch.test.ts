import { expect, test } from 'vitest';
import { archesFor, archToBuild, hostArch, levelsOf } from './arch.ts';

const second = 'fpu cx16 lahf_lm popcnt pni sse4_1 sse4_2 ssse3';
const third = `${second} avx avx2 bmi1 bmi2 f16c fma abm movbe xsave`;

test.each([
  ['', []],
  ['cx16 lahf_lm popcnt pni sse4_1 sse4_2', []],
  [second, ['x86_64_v2']],
  [`${second} avx avx2 bmi1 bmi2 f16c fma abm movbe`, ['x86_64_v2']],
  [third, ['x86_64_v2', 'x86_64_v3']],
  [`${third} avx512f avx512bw avx512cd avx512dq avx512vl`, ['x86_64_v2', 'x86_64_v3', 'x86_64_v4']],
  ['avx avx2 bmi1 bmi2 f16c fma abm movbe xsave', []],
])('a processor with %j', (flags, levels) => {
  expect(levelsOf(flags)).toEqual(levels);
});

test.each([
  ['x86_64', ['x86_64']],
  ['x86_64_v3', ['x86_64_v3', 'x86_64_v2', 'x86_64']],
  ['aarch64', ['aarch64']],
  ['i686', ['i686', 'i586', 'i486', 'i386']],
])('packages for %s', (arch, usable) => {
  expect(archesFor(arch)).toEqual(usable);
});

test("without a wish the host's own is built, in a recipe of others too, whose lock then says so", () => {
  expect(archToBuild(undefined, undefined)).toBe(hostArch());
  expect(archToBuild(undefined, ['s390x', hostArch()])).toBe(hostArch());
  expect(archToBuild(undefined, ['s390x'])).toBe(hostArch());
  expect(archToBuild(hostArch(), ['s390x'])).toBe(hostArch());
});
