/** A proposal whose every text of packages and repositories is the test's. */
import type { Proposal } from '../../../src/github/propose-locks.ts';
import { sampleLock } from '../sample-lock.ts';

type Changes = Proposal['changes'];

export function proposalOf(changes: Changes, fields: Partial<Proposal> = {}): Proposal {
  const loaded = { recipe: { name: 'base' }, lockPath: '/set/recipes/base.lock.json' };
  return {
    kind: 'lock',
    member: { loaded } as unknown as Proposal['member'],
    image: {
      recipe: 'base',
      path: 'base.yaml',
      arches: ['x86_64'],
      reasons: [{ kind: 'recipe' }],
      packages: [],
      advisories: [],
      updateBytes: 1_300_000,
      bases: [],
      priority: 'normal',
    },
    lock: sampleLock,
    before: sampleLock,
    changes,
    chain: [],
    ...fields,
  };
}

/** `text` gives the text of a field; names get their number, so that they differ. */
export function changesOf(count: number, text: (field: string) => string, entries = 2): Changes {
  const numbers = Array.from({ length: count }, (_, index) => String(index).padStart(5, '0'));
  return {
    packages: numbers.map((number) => ({
      name: `${number}${text('name')}`,
      arch: text('arch'),
      from: text('from'),
      to: text('to'),
      changelog: Array.from({ length: entries }, () => text('entry')),
    })),
    advisories: [
      { id: text('id'), severity: text('severity'), cves: [text('CVE'), text('cve')], title: text('title') },
    ],
  };
}
