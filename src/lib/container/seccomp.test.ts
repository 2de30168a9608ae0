/** The filter is held to podman's, whose file comes with podman: setup installs it. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { seccompFilter, type Condition } from './seccomp.ts';
import { narrowerThanPodman, refusedCalls } from './syscalls.ts';

interface PodmanRule {
  names: string[];
  action: string;
  args: unknown[] | null;
  includes?: { caps?: string[]; arches?: string[] };
  excludes?: { caps?: string[]; arches?: string[] };
}

/** Of the capabilities that rules there depend on, the one that scriptlets and instances have. */
const capability = 'CAP_SYS_CHROOT';
const architectures = ['amd64', 'arm64', 'arm', 'x86'];

const podman = JSON.parse(readFileSync('/usr/share/containers/seccomp.json', 'utf8')) as {
  syscalls: PodmanRule[];
};

const applies = ({ includes, excludes }: PodmanRule) =>
  (includes?.caps ?? [capability]).includes(capability) &&
  !(excludes?.caps ?? []).includes(capability) &&
  (includes?.arches ?? architectures).some((arch) => architectures.includes(arch));

const podmanAllows = new Set(
  podman.syscalls
    .filter((rule) => applies(rule) && rule.action === 'SCMP_ACT_ALLOW')
    .flatMap(({ names }) => names),
);
const rules = seccompFilter().syscalls;
const allows = (isWhole: boolean) =>
  new Set(
    rules
      .filter(({ action, args }) => action === 'SCMP_ACT_ALLOW' && (!isWhole || !args))
      .flatMap(({ names }) => names),
  );

test('what podman refuses with these capabilities is refused', () => {
  expect([...allows(false)].filter((name) => !podmanAllows.has(name))).toEqual([]);
});

test('what podman allows and is refused, or allowed only in part, is written down with its reason', () => {
  const whole = allows(true);
  // Of personality it allows the same values. Versions of podman differ: the table has what any of them allows.
  const narrower = [...podmanAllows].filter((name) => !whole.has(name) && name !== 'personality');
  expect(narrower.filter((name) => !narrowerThanPodman.has(name))).toEqual([]);
  expect([...narrowerThanPodman.keys()].filter((name) => whole.has(name))).toEqual([]);
  expect(narrower.length).toBeGreaterThan(20);
});

test('no call is both allowed and refused', () => {
  const allowed = allows(false);
  expect(refusedCalls.filter((name) => allowed.has(name))).toEqual([]);
});

const holds = ({ op, value, valueTwo }: Condition, arg: bigint) => {
  if (op === 'SCMP_CMP_EQ') return arg === BigInt(value);
  return op === 'SCMP_CMP_GT' ? arg > BigInt(value) : (arg & BigInt(value)) === BigInt(valueTwo);
};

/** What the kernel would do with the rules, for one call; rules that contradict each other are told too. */
function verdict(name: string, args: bigint[], isTransient = false): string {
  const filter = seccompFilter(isTransient);
  const found = filter.syscalls.filter(
    (rule) =>
      rule.names.includes(name) && (rule.args ?? []).every((one) => holds(one, args[one.index] ?? 0n)),
  );
  const said = found.map(({ action, errnoRet }) =>
    action === 'SCMP_ACT_ALLOW' ? 'allowed' : String(errnoRet),
  );
  return [...new Set(said)].join(' and ') || String(filter.defaultErrnoRet);
}

test.each([
  ['ioctl', [0n, 0x5412n], '1'],
  ['ioctl', [0n, 0x1_0000_5412n], '1'],
  ['ioctl', [0n, 0xdead_beef_0000_541cn], '1'],
  ['ioctl', [0n, 0x5413n], 'allowed'],
  ['ioctl', [0n, 0x5401n], 'allowed'],
  ['ioctl', [0n, 0xffff_ffff_ffff_ffffn], 'allowed'],
  ['socket', [40n, 1n, 0n], '97'],
  ['socket', [0x1_0000_0028n, 1n, 0n], '97'],
  ['socket', [0x1_0000_0001n, 1n, 0n], '97'],
  ['socket', [2n, 1n, 132n], '38'],
  ['socket', [0n, 1n, 0n], '97'],
  ['socket', [15n, 1n, 0n], '97'],
  ['socket', [16n, 3n, 12n], '38'],
  ['socket', [2n, 1n, 6n], 'allowed'],
  ['socket', [16n, 3n, 9n], '93'],
  ['socket', [16n, 3n, 15n], 'allowed'],
  ['socketpair', [40n, 1n, 0n], '97'],
  ['socketpair', [1n, 1n, 0n], 'allowed'],
  ['socketcall', [1n, 0n], '97'],
  ['clone', [0x1000_0011n], '1'],
  ['clone', [0x0000_0080_1000_0011n], '1'],
  ['clone', [0x0002_0011n], '1'],
  ['clone', [0x7e02_0011n], '1'],
  ['clone', [0x0120_0011n], 'allowed'],
  ['clone3', [], '38'],
  ['personality', [0x0040_0000n], '38'],
  ['personality', [0xffff_ffffn], 'allowed'],
  ['fsync', [99n], 'allowed'],
] as const)('%s(%s) is %s', (name, args, expected) => {
  expect(verdict(name, [...args])).toBe(expected);
});

test('in what is committed as a whole syncs succeed and do nothing', () => {
  expect(verdict('fsync', [99n], true)).toBe('0');
});
