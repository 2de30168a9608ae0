import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { problemOf, readEmulations } from './emulation.ts';

/** As Linux 6.1 shows it. */
const entry = (state: string, flags: string) =>
  `${state}\ninterpreter /usr/libexec/qemu-binfmt/aarch64-binfmt-P\n${flags}\noffset 0\nmagic 7f454c460201\n`;

test.each([
  ['with F', entry('enabled', 'flags: POCF'), undefined],
  ['without F', entry('enabled', 'flags: OC'), 'is registered without the flag F'],
  ['without flags', entry('enabled', 'flags: '), 'is registered without the flag F'],
  ['disabled', entry('disabled', 'flags: F'), 'is disabled'],
  ['empty', '', 'is disabled'],
])('%s', (_name, text, problem) => {
  expect(problemOf(text)).toBe(problem);
});

test('those that Milliner builds for are found by the names of qemu', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'binfmt-'));
  try {
    await writeFile(join(directory, 'status'), 'enabled\n');
    await writeFile(join(directory, 'qemu-aarch64'), entry('enabled', 'flags: F'));
    await writeFile(join(directory, 'qemu-s390x'), entry('enabled', 'flags: O'));
    await writeFile(join(directory, 'qemu-m68k'), entry('enabled', 'flags: F'));
    expect(readEmulations(directory)).toEqual([
      { arch: 'aarch64', problem: undefined },
      { arch: 's390x', problem: 'is registered without the flag F' },
    ]);
    expect(readEmulations(join(directory, 'nothing'))).toEqual([]);
  } finally {
    await rm(directory, { recursive: true });
  }
});
