/** What names an id moves with the owners, and comes back as it was. */
import { expect, test } from 'vitest';
import { movedIn, movedOut, type Owned } from './moved-owners.ts';
import { guestIds } from './userns.ts';

/** u::rw-,u:77:r--,g::r--,g:77:r--,m::r--,o::r-- */
const acl = (id: number) => {
  const name = Buffer.alloc(4);
  name.writeUInt32LE(id);
  const [entryId, noId] = [name.toString('hex'), 'ffffffff'];
  return Buffer.from(
    `02000000 01000600${noId} 02000400${entryId} 04000400${noId} 08000400${entryId} 10000400${noId} 20000400${noId}`.replaceAll(
      ' ',
      '',
    ),
    'hex',
  );
};
const capability = Buffer.from('0100000200200000000000000000000000000000', 'hex');
const inside = Buffer.from('010000030020000000000000000000000000000000000080', 'hex');
const image: Owned = {
  uid: 0,
  gid: 65_534,
  xattrs: {
    'security.capability': capability,
    'system.posix_acl_access': acl(77),
    'user.words': Buffer.from('02000000', 'hex'),
  },
};

test('owner, group, ACL and capabilities move in', () => {
  expect(movedIn(image, guestIds)).toEqual({
    uid: 2 ** 31,
    gid: 2 ** 31 + 65_534,
    xattrs: {
      'security.capability': inside,
      'system.posix_acl_access': acl(2 ** 31 + 77),
      'user.words': Buffer.from('02000000', 'hex'),
    },
  });
});

test('and come back as they were', () => {
  expect(movedOut(movedIn(image, guestIds), guestIds)).toEqual(image);
});

test("capabilities of another namespace's root stay what they are", () => {
  const others = Buffer.from(inside);
  others.writeUInt32LE(100_000, 20);
  const owned = { ...image, uid: 2 ** 31, gid: 2 ** 31, xattrs: { 'security.capability': others } };
  expect(movedOut(owned, guestIds).xattrs).toEqual({ 'security.capability': others });
});

test.each(['', '01', '0100000200', '0100000100200000'])('a malformed capability of %s stays', (hex) => {
  const value = Buffer.from(hex, 'hex');
  const owned = { uid: 0, gid: 0, xattrs: { 'security.capability': value } };
  expect(movedIn(owned, guestIds).xattrs).toEqual({ 'security.capability': value });
});

test('without ids nothing moves', () => {
  expect(movedIn(image, undefined)).toBe(image);
  expect(movedOut(image, undefined)).toBe(image);
});
