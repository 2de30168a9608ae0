/** Verdicts as a boot makes them: one that passed at once, and one that passed when the image was booted again. */
import type { Verdict } from '../../src/stages/boot/verdict.ts';
import { testSchema } from '../../src/stages/recipe/schema.ts';

const report = { failedUnits: [], restartedUnits: [], journalErrors: [], oomKills: 0 };
const check = { check: 'tcp 80', instance: 1, attempts: 1, seconds: 0.1 };

export const passedVerdict = {
  name: 'hat',
  manifestDigest: `sha256:${'3'.repeat(64)}` as const,
  passed: true,
  causes: [],
  checks: [{ ...check, passed: true }],
  failedUnits: [],
  journalErrors: [],
  instances: [{ ...report, instance: 1, log: [] }],
  plan: { ...testSchema.parse({}), init: true },
  host: { runtime: 'runc 1.1', kernel: '6.1', architecture: 'x86_64' },
  started: '2026-11-29T00:00:00.000Z',
  finished: '2026-11-29T00:00:10.000Z',
};

export const failedAttempt = {
  started: '2026-11-28T23:59:00.000Z',
  finished: '2026-11-28T23:59:10.000Z',
  causes: [{ code: 'check-failed' as const, message: 'tcp 80: refused', instance: 1 }],
  checks: [{ ...check, passed: false, problem: 'refused' }],
  instances: [{ ...report, instance: 1, log: ['no felt'], exitCode: 3 }],
};

export const retriedVerdict = {
  ...passedVerdict,
  plan: { ...passedVerdict.plan, retries: 2 },
  failedAttempts: [failedAttempt],
};

/** With all that a boot leaves to see; worse than the last good one in what its recipe refuses. */
export const richVerdict: Verdict = {
  ...retriedVerdict,
  passed: false,
  causes: [
    { code: 'port-opened', message: 'it listens on tcp 8080 (0.0.0.0), and did not before', instance: 0 },
  ],
  readySeconds: 2.5,
  peakMemory: 80_000_000,
  privileged: [
    { path: '/usr/bin/su', mode: '4755' },
    { path: '/usr/bin/ping', mode: '0755', capabilities: 'cap_net_raw=ep' },
  ],
  instances: [
    {
      ...report,
      instance: 1,
      log: ['felt'],
      readySeconds: 2.5,
      allowedFailures: ['other.service'],
      journalCounts: { emerg: 0, alert: 0, crit: 0, err: 2, warning: 7 },
      ports: [{ protocol: 'tcp', address: '0.0.0.0', port: 8080 }],
      stages: [{ stage: 'userspace', seconds: 2.4 }],
      units: [
        { unit: 'app.service', state: 'active', start: 0.2, active: 1.7 },
        { unit: 'job.service', state: 'inactive', start: 0.3, end: 0.9 },
        { unit: 'other.service', state: 'failed', start: 0.4, end: 0.4 },
        { unit: 'basic.target', state: 'active', start: 0.1, active: 0.1 },
      ],
      used: { cpuSeconds: 1.1, processes: 17, readBytes: 4096, writtenBytes: 0, diskBytes: 65_536 },
    },
  ],
  comparison: {
    with: {
      manifestDigest: `sha256:${'2'.repeat(64)}`,
      finished: '2026-11-28T00:00:10.000Z',
      backend: 'runc',
    },
    changes: [
      {
        kind: 'ports',
        subject: 'tcp 8080',
        message: 'it listens on tcp 8080 (0.0.0.0), and did not before',
        fatal: true,
      },
      { kind: 'time', subject: 'time', message: 'it was ready after 2.5 s', fatal: false },
    ],
  },
  history: { boots: 20, failed: 4, flaky: 3 },
};
