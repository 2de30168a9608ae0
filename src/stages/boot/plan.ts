/** A recipe's `test` with times as numbers. */
import type { TestPlan } from '../recipe/schema.ts';
import type { Limits } from './limit-resources.ts';

export type Check = TestPlan['checks'][number];

export interface TimedCheck {
  /** For people. */
  name: string;
  check: Check;
  /** Milliseconds in which it must pass; undefined for the rest of the time to become ready. */
  timeout: number | undefined;
  /** Milliseconds between two attempts. */
  interval: number;
}

/** All times in milliseconds. */
export interface BootPlan {
  init: boolean;
  limits: Limits;
  network?: TestPlan['network'];
  egress?: TestPlan['egress'];
  ready: Pick<TestPlan['ready'], 'unit' | 'notify' | 'exit'>;
  readyTimeout: number;
  checks: TimedCheck[];
  settle: number;
  stopTimeout: number;
  allow: TestPlan['allow'];
}

export function describeCheck(check: Check): string {
  if ('exec' in check) return `exec ${check.exec.join(' ')}`;
  if ('tcp' in check) return `tcp ${check.tcp}`;
  return `http ${check.http}`;
}
