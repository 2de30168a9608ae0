/** The schema of what a boot has left to see, in verdicts that other machines made. */
import { z } from 'zod';
import {
  maxChanges,
  maxPorts,
  maxPrivilegedFiles,
  maxUnitTimes,
  portProtocols,
  priorities,
  stageNames,
} from '../../stages/boot/evidence.ts';
import { comparedKinds } from '../../stages/recipe/schema.ts';
import { count, digestSchema, short } from './received.ts';

const amount = z.number().min(0);
const port = z.strictObject({
  protocol: z.enum(portProtocols),
  address: z.string().max(64),
  port: z.int().min(1).max(65_535),
});
const unitTimes = z.strictObject({
  unit: z.string().max(256),
  state: z.string().max(32),
  start: amount,
  active: amount.exactOptional(),
  stop: amount.exactOptional(),
  end: amount.exactOptional(),
});

/** Of one instance. */
export const instanceEvidence = {
  allowedFailures: z.array(z.string().max(256)).max(10_000).exactOptional(),
  journalCounts: z.record(z.enum(priorities), count).exactOptional(),
  ports: z.array(port).max(maxPorts).exactOptional(),
  stages: z
    .array(z.strictObject({ stage: z.enum(stageNames), seconds: amount }))
    .max(stageNames.length)
    .exactOptional(),
  units: z.array(unitTimes).max(maxUnitTimes).exactOptional(),
  used: z
    .strictObject({
      cpuSeconds: amount.exactOptional(),
      processes: count.exactOptional(),
      readBytes: count.exactOptional(),
      writtenBytes: count.exactOptional(),
      diskBytes: count.exactOptional(),
    })
    .exactOptional(),
};

const privilegedFile = z.strictObject({
  path: short,
  mode: z.string().regex(/^[0-7]{4}$/),
  capabilities: short.exactOptional(),
});
export const comparisonSchema = z.strictObject({
  with: z.strictObject({ manifestDigest: digestSchema, finished: z.iso.datetime(), backend: short }),
  changes: z
    .array(
      z.strictObject({
        kind: z.enum(comparedKinds),
        subject: short,
        message: z.string().max(65_536),
        fatal: z.boolean(),
      }),
    )
    .max(maxChanges),
});
export const bootCounts = z.strictObject({ boots: count, failed: count, flaky: count });

export const privilegedFileList = z.array(privilegedFile).max(maxPrivilegedFiles);
