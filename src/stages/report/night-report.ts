/** The report of a night: plain data from which every format is rendered, and what a webhook gets. */
import { z } from 'zod';
import { MillinerError } from '../../lib/errors/error.ts';
import { maxReasons, reasonSchema } from './reason.ts';
import { cutText, digestText, nameText, timeText } from './report-text.ts';

export const reportVersion = 1;

/** Bounds of lists: ten times what a large distribution has. A longer list is a fault of its writer. */
const maxImages = 10_000;
const maxPackages = 20_000;
const maxAdvisories = 20_000;
const maxChangelog = 1000;
const maxFormer = 7;

/** `quarantined`: it failed for so many nights that this one did not try it. */
export const outcomes = ['published', 'unchanged', 'failed', 'held', 'quarantined', 'skipped'] as const;
export type Outcome = (typeof outcomes)[number];

const count = z.int().nonnegative();
const seconds = z.number().nonnegative().max(1e9);

const packageChangeSchema = z.object({
  name: nameText,
  arch: nameText,
  /** EVR; absent for a package that is new. */
  from: nameText.optional(),
  /** EVR; absent for a package that is gone. */
  to: nameText.optional(),
  /** Newest first. */
  changelog: z.array(cutText).max(maxChangelog).default([]),
});
export type PackageChange = z.infer<typeof packageChangeSchema>;

const fixedAdvisorySchema = z.object({
  id: nameText,
  severity: nameText,
  cves: z.array(nameText).max(maxChangelog).default([]),
  title: cutText.optional(),
});
export type FixedAdvisory = z.infer<typeof fixedAdvisorySchema>;

const formerSchema = z.object({
  /** ISO 8601. */
  date: timeText,
  readySeconds: seconds.optional(),
  size: count.optional(),
});
export type FormerNight = z.infer<typeof formerSchema>;

const failureSchema = z.object({
  stage: nameText,
  arch: nameText.optional(),
  /** A code of the table of errors, of this version of Milliner or another. */
  code: z.string().regex(/^[A-Z][A-Z0-9_]{0,63}$/),
  message: cutText,
  hint: cutText,
  /** Where the log is: a path or a command. */
  log: cutText.optional(),
});

export const imageReportSchema = z.object({
  recipe: nameText,
  arches: z.array(nameText).min(1).max(64),
  outcome: z.enum(outcomes),
  reasons: z.array(reasonSchema).max(maxReasons).default([]),
  references: z.array(cutText).max(1000).default([]),
  /** Of an image, or of the index of all architectures. */
  digest: digestText.optional(),
  previous: digestText.optional(),
  packages: z.array(packageChangeSchema).max(maxPackages).default([]),
  advisories: z.array(fixedAdvisorySchema).max(maxAdvisories).default([]),
  /** Bytes that a reader of the previous image downloads. */
  updateBytes: count.optional(),
  /** Bytes of all layers. */
  size: count.optional(),
  boot: z
    .object({
      readySeconds: seconds,
      retries: count.max(1000),
      /** Of the last boots of the recipe, how many were flaky. */
      history: z.object({ boots: count, failed: count, flaky: count }).optional(),
    })
    .optional(),
  /** Oldest first. */
  former: z.array(formerSchema).max(maxFormer).default([]),
  failure: failureSchema.optional(),
  hold: z.object({ reason: cutText, until: timeText.optional(), by: nameText.optional() }).optional(),
  quarantine: z.object({ nights: count }).optional(),
});
export type ImageReport = z.infer<typeof imageReportSchema>;

/** The name of a set becomes a file name in the state. */
const setName = z
  .string()
  .max(128)
  .regex(/^[a-z0-9]+(?:[._-][a-z0-9]+)*$/);

export const nightReportSchema = z.object({
  version: z.literal(reportVersion),
  set: setName,
  started: timeText,
  finished: timeText,
  images: z.array(imageReportSchema).max(maxImages),
});
export type NightReport = z.infer<typeof nightReportSchema>;
/** As it may be written: lists that are empty may be left out. */
export type NightReportInput = z.input<typeof nightReportSchema>;

/** `name` is the file's, for the error. Throws REPORT_INVALID. */
export function parseNightReport(text: string, name: string): NightReport {
  let data: unknown;
  try {
    data = JSON.parse(text);
  } catch (cause) {
    throw new MillinerError('REPORT_INVALID', `${name} is not JSON`, { cause });
  }
  const result = nightReportSchema.safeParse(data);
  if (result.success) return result.data;
  const { path, message } = result.error.issues[0]!;
  throw new MillinerError('REPORT_INVALID', `${name}: ${[...path, message].map(String).join(': ')}`);
}
