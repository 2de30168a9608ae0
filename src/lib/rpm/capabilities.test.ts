import fc from 'fast-check';
import { expect, test } from 'vitest';
import { capabilityText, capabilityXattr } from './capabilities.ts';

const refuse = (what: string) => new Error(what);

// As setcap(8) of libcap 2.66 writes them.
test.each([
  ['cap_net_raw=ep', '0100000200200000000000000000000000000000'],
  ['cap_net_raw+ep', '0100000200200000000000000000000000000000'],
  ['= cap_net_raw+ep', '0100000200200000000000000000000000000000'],
  ['CAP_NET_RAW=ep', '0100000200200000000000000000000000000000'],
  ['13=ep', '0100000200200000000000000000000000000000'],
  ['cap_net_raw=ep-e', '0000000200200000000000000000000000000000'],
  ['cap_net_raw=p cap_net_admin=p', '0000000200300000000000000000000000000000'],
  ['cap_net_raw,cap_net_admin+ep', '0100000200300000000000000000000000000000'],
  ['cap_chown=i', '0000000200000000010000000000000000000000'],
  ['cap_chown=eip', '0100000201000000010000000000000000000000'],
  ['cap_bpf,cap_perfmon=ep', '010000020000000000000000c000000000000000'],
  ['=ep', '01000002ffffffff00000000ff01000000000000'],
  ['all=ep cap_chown-ep', '01000002feffffff00000000ff01000000000000'],
  ['=', '0000000200000000000000000000000000000000'],
  ['63=ep', '0100000200000000000000000000008000000000'],
])('%s', (text, hex) => {
  const xattr = capabilityXattr(text, refuse);
  expect(xattr?.toString('hex')).toBe(hex);
  expect(capabilityXattr(capabilityText(xattr ?? Buffer.alloc(0)) ?? 'x', refuse)?.toString('hex')).toBe(hex);
});

test('no text is no xattr', () => {
  expect(capabilityXattr('', refuse)).toBeUndefined();
});

test.each([
  'cap_bogus=ep',
  'cap_net_raw',
  'cap_net_raw=x',
  '+ep',
  '=p+e',
  'cap_net_raw=p=e',
  'cap_net_raw+',
  'cap_net_raw, cap_chown=ep',
  ',cap_chown=p',
  '64=p',
  // Effective for one of two: a file has one effective bit.
  'cap_setuid=ep cap_setgid=p',
])('refuses %s as libcap does', (text) => {
  expect(() => capabilityXattr(text, refuse)).toThrow(text);
});

test('what is no capability xattr has no text', () => {
  expect(capabilityText(Buffer.alloc(20))).toBeUndefined();
  expect(capabilityText(Buffer.from('00000002', 'hex'))).toBeUndefined();
  expect(capabilityText(Buffer.alloc(0))).toBeUndefined();
});

const bits41 = fc.bigInt({ min: 0n, max: (1n << 41n) - 1n });

test('text and xattr turn into each other', () => {
  fc.assert(
    fc.property(bits41, bits41, fc.boolean(), (permitted, inheritable, effective) => {
      const xattr = Buffer.alloc(20);
      const some = (permitted | inheritable) !== 0n;
      xattr.writeUInt32LE(0x02000000 | (effective && some ? 1 : 0));
      [permitted, inheritable, permitted >> 32n, inheritable >> 32n].forEach((bits, i) =>
        xattr.writeUInt32LE(Number(bits & 0xffffffffn), 4 + i * 4),
      );
      expect(capabilityXattr(capabilityText(xattr) ?? '', refuse)).toEqual(xattr);
    }),
  );
});
