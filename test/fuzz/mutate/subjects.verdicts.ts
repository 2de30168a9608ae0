/** What other machines and signed statements say of a boot. */
import { readFile } from 'node:fs/promises';
import { parseVerdict } from '../../../src/pipeline/state/received-verdict.ts';
import { requirePassedResult, testResult } from '../../../src/stages/sign/test-result.ts';
import { readJson } from '../../../src/stages/sign/untrusted-json.ts';
import { retriesOf } from '../../../src/stages/boot/attempts.ts';
import { MillinerError } from '../../../src/lib/errors/error.ts';
import { passedVerdict, retriedVerdict } from '../../helpers/verdicts.ts';
import { z } from 'zod';
import { mutateJson } from './json.ts';
import type { Subject } from './subject.ts';

const verdicts = [passedVerdict, retriedVerdict];
const refuse = (reason: string) => new MillinerError('IMAGE_ALTERED', reason);

export const verdictSubjects: Record<string, Subject> = {
  'boot verdict': {
    refusals: ['EXCHANGE_INVALID'],
    mutate: (_originals, random) => ({
      ending: '.json',
      bytes: mutateJson(verdicts[random(verdicts.length)], random),
    }),
    read: async (path) => {
      const verdict = parseVerdict(await readFile(path));
      if (verdict.passed && verdict.causes.length > 0) throw new Error('passed with a cause');
      if (retriesOf(verdict) > (verdict.plan.retries ?? 0)) throw new Error('more retries than planned');
    },
  },
  'signed boot verdict': {
    refusals: ['IMAGE_ALTERED', 'VERDICT_MISSING'],
    mutate: (_originals, random) => ({
      ending: '.json',
      bytes: mutateJson(testResult(verdicts[random(verdicts.length)]!), random),
    }),
    read: async (path) => {
      const predicate = readJson(await readFile(path), z.unknown(), refuse);
      const { retries } = requirePassedResult(predicate, passedVerdict.manifestDigest);
      if (retries < 0 || retries > 99) throw new Error(`${retries} retries`);
    },
  },
};
