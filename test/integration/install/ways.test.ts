/**
 * Scriptlets of every kind that fail in every way: each ends the build by its package's name, or is one of a short list
 * of which rpm itself says nothing. And sound ones, however odd, do not.
 */
import { describe, expect, test } from 'vitest';
import { failingLua, failingShell, untold } from './failing.ts';
import { soundLua, soundShell } from './sound.ts';
import { perform } from './stage.ts';
import type { Way } from './way.ts';

test('there are sixty ways of either', () => {
  expect(failingShell.length + failingLua.length).toBeGreaterThanOrEqual(60);
  expect(soundShell.length + soundLua.length).toBeGreaterThanOrEqual(60);
  expect(untold.length).toBeLessThanOrEqual(10);
});

const tables: [string, Way[], Way[]][] = [
  [
    'of processes alone',
    [...failingShell, ...untold.filter(({ interpreter }) => interpreter !== '<lua>')],
    soundShell,
  ],
  [
    'with Lua among them',
    [...failingLua, ...untold.filter(({ interpreter }) => interpreter === '<lua>')],
    soundLua,
  ],
];

describe.each(tables)('%s', (_, bad, sound) => {
  test('each that fails ends the build by its name, and none of the others', async () => {
    const { failures, error, log } = await perform(bad);
    const told = failures.map((one) => `${one.package} ${one.scriptlet} ${one.status}`).toSorted();
    const isLua = ({ interpreter }: Way) => interpreter === '<lua>';
    const failing = bad.filter(({ status }) => status !== undefined);
    const exact = failing.filter((way) => !isLua(way));
    expect(told.filter((one) => exact.some(({ name }) => one.startsWith(`${name}-1-1.noarch `)))).toEqual(
      exact.map((way) => `${way.name}-1-1.noarch %${way.section} ${way.status}`).toSorted(),
    );
    for (const { name, section, status } of failing.filter(isLua)) {
      expect(failures.filter((one) => one.package === `${name}-1-1.noarch`)).toMatchObject([
        {
          scriptlet: `%${section}`,
          status: expect.stringContaining(status!) as string,
          names: [`%${section}(${name})`],
        },
      ]);
    }
    expect(failures).toHaveLength(failing.length);
    expect(error).toMatchObject({ code: 'SCRIPTLET_FAILED' });
    // rpm is the oracle: it names whoever fails, and of the others it says nothing either.
    const rpms = log.lines
      .filter(({ stream }) => stream === 'stderr')
      .map(({ text }) => text)
      .join('\n');
    for (const { name, status } of bad) {
      const isNamed = rpms.includes(`(${name}-1-1.noarch)`) || rpms.includes(`(${name.slice(0, 20)}`);
      expect({ name, isNamed }).toEqual({ name, isNamed: status !== undefined });
    }
  });

  test('no sound one does, and all are installed', async () => {
    const { failures, error, warnings, installed, log } = await perform(sound);
    expect(failures).toEqual([]);
    expect({ error, exitCode: log.exitCode }).toEqual({ error: undefined, exitCode: 0 });
    for (const { name, event } of sound) {
      expect(installed).toContain(`${name}-${event === 'upgrade' ? 2 : 1}-1.noarch`);
    }
    const run = new Set(log.runs.map(({ scriptlet }) => scriptlet?.name));
    const processes = sound.filter(({ interpreter }) => interpreter !== '<lua>');
    expect(processes.filter(({ name }) => !run.has(name))).toEqual([]);
    expect(warnings.length).toBe(log.endedProcesses > 0 ? 1 : 0);
  });
});
