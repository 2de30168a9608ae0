import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { remembered } from './remembered.ts';

test('a finding is made once for what it is about, and what fails is found anew', async () => {
  const place = await mkdtemp(join(tmpdir(), 'remembered-'));
  const asked: string[] = [];
  const ask = (about: string) =>
    remembered(join(place, 'finding'), about, async () => {
      asked.push(about);
      if (about === 'broken') throw new Error('it is');
      return `${about} works\n`;
    });
  try {
    expect([await ask('a'), await ask('a'), await ask('b')]).toEqual(['a works\n', 'a works\n', 'b works\n']);
    await expect(ask('broken')).rejects.toThrow('it is');
    await expect(ask('broken')).rejects.toThrow('it is');
    expect(await ask('b')).toBe('b works\n');
    expect(asked).toEqual(['a', 'b', 'broken', 'broken']);
  } finally {
    await rm(place, { recursive: true });
  }
});
