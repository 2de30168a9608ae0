/** Why an image is built again. */
import { z } from 'zod';
import type { Reason } from '../night/planned-image.ts';
import { nameText } from './report-text.ts';

export const maxReasons = 20_000;

export const reasonSchema = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('package'),
    /** NEVRAs; without `from` the package is new, without `to` it is gone. */
    from: nameText.exactOptional(),
    to: nameText.exactOptional(),
    /** Ids of the advisories that name the new package. */
    advisories: z.array(nameText).max(1000).default([]),
  }),
  z.object({ kind: z.literal('base'), base: nameText }),
  z.object({ kind: z.literal('recipe') }),
  /** No earlier night has published its lock. */
  z.object({ kind: z.literal('unpublished') }),
  /** What the key has stated of the tags ends before long. */
  z.object({ kind: z.literal('statement') }),
]) satisfies z.ZodType<Reason>;
