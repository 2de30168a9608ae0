/** Verdicts as a boot makes them: one that passed at once, and one that passed when the image was booted again. */
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
