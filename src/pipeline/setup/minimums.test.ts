import { expect, test } from 'vitest';
import { probeVersion } from './doctor.ts';
import { isSound, kernelVersion, minimums, type Minimum } from './minimums.ts';

const of = (program: Minimum['program']) => minimums.find((one) => one.program === program && !one.isAdvice)!;

test.each([
  ['runc', '1.1.12', true],
  ['runc', '1.1.11', false],
  ['runc', '1.1.5', false],
  ['runc', '1.1.5+ds1-1', false],
  ['runc', '1.1.5+ds1-1+b1', false],
  ['runc', '1.1.5+ds1-1+deb12u1', true],
  ['runc', '1.1.5+ds1-1+deb12u2', true],
  ['runc', '1.1.4+ds1-1+deb12u9', false],
  ['runc', '1.0.0~rc93+ds1-5+deb11u5', false],
  ['runc', '1.3.3-1.fc43', true],
  ['crun', '1.8.1-1+deb12u1', true],
  ['crun', '1.4.3', false],
  ['rpm', '4.18.0+dfsg-1+deb12u1', true],
  ['rpm', '6.0.0-1.fc43', true],
  ['rpm', '4.17.1', false],
  ['rpm', '4.16.1.3-22.el9', false],
  ['rpm', '4.16.1.3-29.el9', true],
  ['rpm', '4.16.1.3-29.el8', false],
  ['gpg', '2.2.40-1.1+deb12u2', true],
  ['gpg', '2.2.35', false],
  ['gpg', '2.3.6', false],
  ['gpg', '2.3.7', true],
  ['gpg', '2.4.4-2ubuntu17', true],
  ['gpg', '2.2.27-2+deb11u1', false],
  ['gpg', '2.2.27-2+deb11u2', true],
  ['gpg', '2.3.3-4.el9', true],
  ['kernel', '6.18.44-fc-v657', true],
  ['kernel', '5.10.209-2', true],
  ['kernel', '5.10.92-1', false],
  ['kernel', '5.15.24', false],
  ['kernel', '5.16.10', false],
  ['kernel', '5.14.0-503.11.1.el9_5.x86_64', true],
  ['kernel', '5.14.0', false],
  ['kernel', '4.18.0-305.el8', false],
] as const)('%s %s: %s', (program, version, sound) => {
  expect(isSound(version, of(program))).toBe(sound);
});

test('every minimum has its reason, a vulnerability by number', () => {
  expect(minimums.filter(({ reason }) => !/^CVE-\d{4}-\d+/.test(reason))).toEqual([]);
  expect(new Set(minimums.map(({ program }) => program))).toEqual(
    new Set(['runc', 'crun', 'rpm', 'gpg', 'kernel']),
  );
});

test.each([
  ['6.1.0-28-amd64', '#1 SMP PREEMPT_DYNAMIC Debian 6.1.119-1 (2024-11-22)', undefined, '6.1.119-1'],
  ['5.15.0-105-generic', '#115-Ubuntu SMP', 'Ubuntu 5.15.0-105.115-generic 5.15.148\n', '5.15.148'],
  ['6.11.4-301.fc41.x86_64', '#1 SMP PREEMPT_DYNAMIC', undefined, '6.11.4-301.fc41.x86_64'],
])('kernel %s is told by its own version', (name, words, signature, version) => {
  expect(kernelVersion(name, words, signature)).toBe(version);
});

test('an old version is a finding with its reason and what to do; one that is merely advised is not', async () => {
  expect(await probeVersion(of('runc'), async () => '1.1.5')).toMatchObject({
    ok: false,
    found: '1.1.5',
    what: expect.stringContaining('CVE-2024-21626') as string,
    mend: expect.stringContaining('runc') as string,
  });
  const advised = minimums.find(({ isAdvice }) => isAdvice)!;
  expect(await probeVersion(advised, async () => '1.1.12')).toMatchObject({
    ok: true,
    advice: expect.stringContaining('CVE-2025-31133') as string,
  });
  expect(await probeVersion(advised, async () => '1.3.3')).not.toHaveProperty('advice');
});

test('a version that cannot be had is no sound one', async () => {
  const finding = await probeVersion(of('gpg'), () => Promise.reject(new Error('gpg is not installed')));
  expect(finding).toMatchObject({ ok: false, found: 'gpg is not installed' });
  expect((await probeVersion(of('gpg'), async () => 'no number')).ok).toBe(false);
});
