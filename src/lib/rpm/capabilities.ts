/** File capabilities: the text in an RPM header (libcap's cap_from_text(3)) and the xattr that the kernel reads. */

/** In the order of their numbers (linux/capability.h). */
const names = [
  'cap_chown',
  'cap_dac_override',
  'cap_dac_read_search',
  'cap_fowner',
  'cap_fsetid',
  'cap_kill',
  'cap_setgid',
  'cap_setuid',
  'cap_setpcap',
  'cap_linux_immutable',
  'cap_net_bind_service',
  'cap_net_broadcast',
  'cap_net_admin',
  'cap_net_raw',
  'cap_ipc_lock',
  'cap_ipc_owner',
  'cap_sys_module',
  'cap_sys_rawio',
  'cap_sys_chroot',
  'cap_sys_ptrace',
  'cap_sys_pacct',
  'cap_sys_admin',
  'cap_sys_boot',
  'cap_sys_nice',
  'cap_sys_resource',
  'cap_sys_time',
  'cap_sys_tty_config',
  'cap_mknod',
  'cap_lease',
  'cap_audit_write',
  'cap_audit_control',
  'cap_setfcap',
  'cap_mac_override',
  'cap_mac_admin',
  'cap_syslog',
  'cap_wake_alarm',
  'cap_block_suspend',
  'cap_audit_read',
  'cap_perfmon',
  'cap_bpf',
  'cap_checkpoint_restore',
] as const;

const all = (1n << BigInt(names.length)) - 1n;

interface Sets {
  e: bigint;
  i: bigint;
  p: bigint;
}
type Flag = keyof Sets;

const revision2 = 0x02000000;
const effectiveBit = 1;

/**
 * The 20 bytes of `security.capability` (vfs_cap_data revision 2) for a FILECAPS text; undefined for ''. A text that
 * grants nothing (`=`) still makes an xattr, of zeros. Throws the error of `refuse` for text that libcap rejects.
 */
export function capabilityXattr(text: string, refuse: (what: string) => Error): Buffer | undefined {
  if (text === '') return undefined;
  const invalid = () => refuse(`has invalid file capabilities: ${JSON.stringify(text)}`);
  const sets = parse(text, invalid);
  // The kernel has one effective bit for the file: either all permitted and inheritable capabilities are effective, or
  // none.
  if (sets.e !== 0n && ((sets.p | sets.i) & ~sets.e) !== 0n) throw invalid();
  const xattr = Buffer.alloc(20);
  xattr.writeUInt32LE(revision2 | (sets.e === 0n ? 0 : effectiveBit), 0);
  xattr.writeUInt32LE(Number(sets.p & 0xffffffffn), 4);
  xattr.writeUInt32LE(Number(sets.i & 0xffffffffn), 8);
  xattr.writeUInt32LE(Number(sets.p >> 32n), 12);
  xattr.writeUInt32LE(Number(sets.i >> 32n), 16);
  return xattr;
}

/** The text of an xattr of revision 2, or of revision 3 without its namespace owner; undefined for any other value. */
export function capabilityText(xattr: Buffer): string | undefined {
  const size = { 0x02000000: 20, 0x03000000: 24 }[xattr.length >= 4 ? xattr.readUInt32LE(0) & ~0xffffff : 0];
  if (size === undefined || xattr.length !== size) return undefined;
  const wide = (low: number) =>
    BigInt(xattr.readUInt32LE(low)) | (BigInt(xattr.readUInt32LE(low + 8)) << 32n);
  const [p, i] = [wide(4), wide(8)];
  const e = xattr.readUInt32LE(0) & effectiveBit ? p | i : 0n;
  const clauses = new Map<string, string[]>();
  for (let bit = 0; bit < 64; bit += 1) {
    const has = (set: bigint) => ((set >> BigInt(bit)) & 1n) === 1n;
    const flags = `${has(e) ? 'e' : ''}${has(i) ? 'i' : ''}${has(p) ? 'p' : ''}`;
    if (flags) clauses.set(flags, [...(clauses.get(flags) ?? []), names[bit] ?? String(bit)]);
  }
  if (clauses.size === 0) return '=';
  return [...clauses]
    .map(([flags, list]) => `${list.length === names.length ? '' : list.join(',')}=${flags}`)
    .join(' ');
}

/** Clauses apply from left to right: a list (empty or `all` for every capability), then operators with flags. */
function parse(text: string, invalid: () => Error): Sets {
  const sets: Sets = { e: 0n, i: 0n, p: 0n };
  for (const clause of text.trim().split(/\s+/)) {
    if (clause === '') continue;
    const match = /^([^=+-]*)((?:[=+-][eip]*)+)$/.exec(clause);
    if (!match) throw invalid();
    const [, list = '', actions = ''] = match;
    const bits = capabilityBits(list, invalid);
    for (const [index, action] of [...actions.matchAll(/([=+-])([eip]*)/g)].entries()) {
      const [, operator, flags = ''] = action;
      // An empty list allows one `=` only, which comes first; other operators must name flags.
      if (index > 0 && (operator === '=' || list === '')) throw invalid();
      if (operator !== '=' && (flags === '' || list === '')) throw invalid();
      apply(sets, operator, flags, bits);
    }
  }
  return sets;
}

function apply(sets: Sets, operator: string | undefined, flags: string, bits: bigint): void {
  for (const flag of ['e', 'i', 'p'] as Flag[]) {
    const isIncluded = flags.includes(flag);
    if (operator === '=' ? !isIncluded : operator === '-' && isIncluded) sets[flag] &= ~bits;
    else if (isIncluded) sets[flag] |= bits;
  }
}

function capabilityBits(list: string, invalid: () => Error): bigint {
  if (list === '' || list.toLowerCase() === 'all') return all;
  return list.split(',').reduce((bits, word) => {
    const number = /^\d+$/.test(word) ? Number(word) : names.findIndex((name) => name === word.toLowerCase());
    if (number < 0 || number > 63) throw invalid();
    return bits | (1n << BigInt(number));
  }, 0n);
}
