/** Reports of nights whose every field for text is the test's. */
import type { NightReportInput } from '../../src/stages/report/night-report.ts';

/** Text for a field. Fields that tell rows apart must differ from each other, or rows would become one. */
export type FieldText = (field: string, isKey: boolean) => string;

/** Harmless: the field's own name. */
export const harmless: FieldText = (field) => field;

type ImageInput = NightReportInput['images'][number];

const digest = `sha256:${'5'.repeat(64)}` as const;

/** One image of each outcome, two of them published, and all that may be told of them. */
export function nightReport(text: FieldText): NightReportInput {
  const key = (field: string) => text(field, true);
  const free = (field: string) => text(field, false);
  const image = (name: string, fields: Partial<ImageInput>): ImageInput => ({
    recipe: key(`recipe-${name}`),
    arches: [key('arch')],
    outcome: 'published',
    ...fields,
  });
  const failure = {
    stage: free('stage'),
    arch: free('arch'),
    code: 'BOOT_FAILED',
    message: free('message'),
    hint: free('hint'),
    log: free('log'),
  };
  return {
    version: 1,
    set: 'fedora',
    started: '2026-11-30T02:00:00Z',
    finished: '2026-11-30T02:12:30Z',
    images: [
      image('one', published(key, free)),
      image('two', { ...published(key, free), boot: { readySeconds: 3, retries: 2 } }),
      image('three', { outcome: 'failed', failure }),
      image('four', { outcome: 'held', hold: { reason: free('held'), by: free('holder') } }),
      image('five', { outcome: 'quarantined', quarantine: { nights: 3 }, failure }),
      image('six', { outcome: 'skipped', failure }),
      image('seven', { outcome: 'unchanged' }),
    ],
  };
}

function published(key: (field: string) => string, free: (field: string) => string): Partial<ImageInput> {
  return {
    reasons: [
      { kind: 'package', from: free('old'), to: free('new'), advisories: [free('reason')] },
      { kind: 'base', base: free('base') },
      { kind: 'recipe' },
    ],
    references: [free('reference'), free('tag')],
    digest,
    packages: [
      {
        name: key('openssl'),
        arch: key('x86_64'),
        from: key('1-1'),
        to: key('1-2'),
        changelog: [free('entry'), free('note')],
      },
      { name: key('zlib'), arch: key('x86_64'), to: key('2-1') },
    ],
    advisories: [
      {
        id: key('FEDORA-1'),
        severity: free('severity'),
        cves: [free('CVE'), free('cve')],
        title: free('title'),
      },
    ],
    updateBytes: 1_300_000,
    size: 50_000_000,
    boot: { readySeconds: 0.5, retries: 0 },
    former: [{ date: '2026-11-29T02:00:00Z', readySeconds: 0.4, size: 49_000_000 }],
  };
}
