/** What the kernel itself says to programs behind the filter, in the registers' high bits and in 32 bits too. */
import { mkdir, mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runInSandbox } from '../../../src/stages/install/sandbox.ts';
import { removeScratch, unboundDisk } from '../../helpers/scratch.ts';

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp('/var/tmp/milliner-seccomp-');
  for (const name of ['dev', 'proc', 'sys'])
    await mkdir(join(directory, 'target', name), { recursive: true });
});
afterAll(() => removeScratch(directory));

/** Runs a program of Python's; gives what it prints, as JSON. */
async function python(...lines: string[]): Promise<unknown> {
  const target = join(directory, 'target');
  const sandbox = { id: `milliner-seccomp-${process.pid}`, directory, toolRoot: '/', target, epoch: 0 };
  const { stdout, stderr, exitCode } = await runInSandbox(
    { ...sandbox, disk: unboundDisk, timeout: 60_000, memory: 256 * 1024 * 1024 },
    { args: ['python3', '-c', [...prelude, ...lines].join('\n')] },
  );
  expect({ stderr, exitCode }).toEqual({ stderr: '', exitCode: 0 });
  return JSON.parse(stdout);
}

const prelude = [
  'import ctypes, errno, json, mmap, os, struct',
  'libc = ctypes.CDLL(None, use_errno=True)',
  'libc.syscall.restype = ctypes.c_long',
  'def call(number, *args):',
  '    result = libc.syscall(ctypes.c_long(number), *[ctypes.c_ulong(arg) for arg in args])',
  '    return errno.errorcode[ctypes.get_errno()] if result < 0 else "ok"',
];

/** x86-64; a 32-bit call by its own numbers, through the old gate, that any program may use. */
// Other processors have no second and third table of calls: there is nothing to try, and nothing is skipped.
const onX64 = process.arch === 'x64';
const numbers = onX64
  ? { socket: 41, socketpair: 53, ioctl: 16 }
  : { socket: 198, socketpair: 199, ioctl: 29 };

const gate = [
  // mov eax, edi; mov ebx, esi; push rbx lies around it, because C keeps that register: ecx, edx from edx, ecx.
  'code = bytes.fromhex("53 89f8 89f3 87ca cd80 5b 4898 c3".replace(" ", ""))',
  'page = mmap.mmap(-1, 4096, prot=7)',
  'page.write(code)',
  'here = ctypes.addressof(ctypes.c_char.from_buffer(page))',
  'enter = ctypes.CFUNCTYPE(ctypes.c_long, ctypes.c_uint, ctypes.c_uint, ctypes.c_uint, ctypes.c_uint)(here)',
  'def call32(number, *args):',
  '    result = enter(number, *args, *[0] * (3 - len(args)))',
  '    return errno.errorcode[-result] if result < 0 else "ok"',
];

const families = { AF_UNIX: 1, AF_INET: 2, AF_INET6: 10, AF_NETLINK: 16 };

test('of all socket families four are left, whatever the high bits say', async () => {
  const found = await python(
    `low = {family: call(${numbers.socket}, family, 2, 0) for family in range(64)}`,
    `high = {family: call(${numbers.socket}, family | 1 << 32, 2, 0) for family in range(64)}`,
    'left = lambda found: [family for family, what in found.items() if what != "EAFNOSUPPORT"]',
    'print(json.dumps([left(low), left(high)]))',
  );
  const all = Object.values(families);
  expect(found).toEqual([all, []]);
});

test('of their protocols those are left that programs of one image talk with', async () => {
  const found = await python(
    `netlink = {protocol: call(${numbers.socket}, 16, 3, protocol) for protocol in range(32)}`,
    // SCTP, DCCP, UDP-Lite, L2TP: a kernel would load their modules.
    `others = [call(${numbers.socket}, 2, kind, protocol) for kind, protocol in ((1, 132), (6, 33), (2, 136), (2, 115))]`,
    `pairs = [call(${numbers.socketpair}, family, 1, 0, ctypes.addressof((ctypes.c_int * 2)())) for family in (1, 30, 40)]`,
    'left = [protocol for protocol, what in netlink.items() if what == "ok"]',
    'print(json.dumps([left, netlink[9], others, pairs]))',
  );
  const refused = Array.from({ length: 4 }, () => 'ENOSYS');
  expect(found).toEqual([[0, 15], 'EPROTONOSUPPORT', refused, ['ok', 'EAFNOSUPPORT', 'EAFNOSUPPORT']]);
});

test("a terminal's input is not to be written, whatever the high bits say", async () => {
  const found = await python(
    'os.chroot("/target")',
    'master = os.open("/dev/ptmx", os.O_RDWR)',
    'text = ctypes.create_string_buffer(b"x")',
    'at = ctypes.addressof(text)',
    `tries = [call(${numbers.ioctl}, master, number, at) for number in (0x5412, 0x541c, 1 << 32 | 0x5412, 0x80045430)]`,
    'print(json.dumps(tries))',
  );
  // The last asks for the number of the terminal.
  expect(found).toEqual(['EPERM', 'EPERM', 'EPERM', 'ok']);
});

if (onX64)
  test('programs of 32 bits have no more', async () => {
    const low = 'mmap.mmap(-1, 4096, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x40)';
    const found = await python(
      ...gate,
      `block = ${low}`,
      'block.write(struct.pack("III", 40, 1, 0))',
      'at = ctypes.addressof(ctypes.c_char.from_buffer(block))',
      'tries = {"getpid": call32(20), "vsock": call32(359, 40, 1, 0), "tcp": call32(359, 2, 1, 0)}',
      'tries.update({"socketcall": call32(102, 1, at), "unshare": call32(310, 0x10000000), "ptrace": call32(26, 0, 0)})',
      'tries.update({"clone": call32(120, 0x10000011, 0), "keyctl": call32(288, 0, 0), "ioctl": call32(54, 0, 0x5412)})',
      'tries.update({"mount": call32(21, 0, 0), "bpf": call32(357, 0, 0), "io_uring": call32(425, 1, 0)})',
      'print(json.dumps(tries))',
    );
    expect(found).toEqual({
      getpid: 'ok',
      vsock: 'EAFNOSUPPORT',
      tcp: 'ok',
      socketcall: 'EAFNOSUPPORT',
      unshare: 'EPERM',
      ptrace: 'EPERM',
      clone: 'EPERM',
      keyctl: 'EPERM',
      ioctl: 'EPERM',
      mount: 'EPERM',
      bpf: 'EPERM',
      io_uring: 'EPERM',
    });
  });

if (onX64)
  test('a call of x32 ends its program', async () => {
    const found = await python(
      'child = os.fork()',
      'if child == 0:',
      '    call(0x40000000 + 39)',
      '    os._exit(0)',
      'print(json.dumps(os.WTERMSIG(os.waitpid(child, 0)[1])))',
    );
    const SIGSYS = 31;
    expect(found).toBe(SIGSYS);
  });
