/**
 * The system calls that no package's scriptlet has a use for. Root without CAP_SYS_ADMIN could still make a user
 * namespace and be its administrator, which opens most of the kernel to attack, or leave keys in the keyring that
 * it shares with the host's root. OCI runtime specification 1.0.2, config-linux.md, seccomp.
 */

const CLONE_NEWUSER = 0x10000000;
const EPERM = 1;
const ENOSYS = 38;

const refused = [
  'add_key',
  'bpf',
  'fsmount',
  'fsopen',
  'io_uring_setup',
  'kexec_file_load',
  'kexec_load',
  'keyctl',
  'mount',
  'mount_setattr',
  'move_mount',
  'name_to_handle_at',
  'open_by_handle_at',
  'open_tree',
  'perf_event_open',
  'pivot_root',
  'process_vm_readv',
  'process_vm_writev',
  'ptrace',
  'request_key',
  'setns',
  'syslog',
  'umount2',
  'unshare',
  'userfaultfd',
];

/** What else the processor runs: an older architecture's calls pass the same filter. */
const architectures: Partial<Record<NodeJS.Architecture, string[]>> = {
  x64: ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86', 'SCMP_ARCH_X32'],
  arm64: ['SCMP_ARCH_AARCH64', 'SCMP_ARCH_ARM'],
};

/** What a program calls to be sure that its data is on the disk. */
const syncs = ['fsync', 'fdatasync', 'sync', 'sync_file_range', 'syncfs'];

/**
 * @param isTransient nothing in it counts until all of it is committed: syncs succeed and do nothing, as with
 * systemd-nspawn's --suppress-sync, because rpm alone makes one for every package
 */
export function seccompFilter(isTransient = false): object {
  return {
    defaultAction: 'SCMP_ACT_ALLOW',
    ...(architectures[process.arch] && { architectures: architectures[process.arch] }),
    syscalls: [
      { names: refused, action: 'SCMP_ACT_ERRNO', errnoRet: EPERM },
      ...(isTransient ? [{ names: syncs, action: 'SCMP_ACT_ERRNO', errnoRet: 0 }] : []),
      // Its flags lie in memory, where no filter can look: the C library then uses clone.
      { names: ['clone3'], action: 'SCMP_ACT_ERRNO', errnoRet: ENOSYS },
      {
        names: ['clone'],
        action: 'SCMP_ACT_ERRNO',
        errnoRet: EPERM,
        args: [{ index: 0, value: CLONE_NEWUSER, valueTwo: CLONE_NEWUSER, op: 'SCMP_CMP_MASKED_EQ' }],
      },
    ],
  };
}
