import { expect, test } from 'vitest';
import { parseMountinfo } from './mounts.ts';

test('mountinfo: optional fields, escapes, and the options of mount and file system', () => {
  const text = [
    '36 35 98:0 /mnt1 /mnt/with\\040space\\134and\\012more rw,noatime master:1 shared:7 - ext3 /dev/root rw,errors=continue',
    '44 27 0:39 / /plain rw,relatime - overlay overlay rw,lowerdir=2/fs,index=on',
    '',
  ].join('\n');
  expect(parseMountinfo(text)).toEqual([
    {
      id: 36,
      device: '98:0',
      target: '/mnt/with space\\and\nmore',
      type: 'ext3',
      options: ['rw', 'noatime', 'rw', 'errors=continue'],
    },
    {
      id: 44,
      device: '0:39',
      target: '/plain',
      type: 'overlay',
      options: ['rw', 'relatime', 'rw', 'lowerdir=2/fs', 'index=on'],
    },
  ]);
});
