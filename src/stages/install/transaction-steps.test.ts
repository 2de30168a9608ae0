import { expect, test } from 'vitest';
import { sense } from '../../lib/rpm/dependencies.ts';
import { nevraText, parseNevra } from '../../lib/rpm/package.ts';
import { stepsOf } from './transaction-steps.ts';

interface Words {
  needs?: string[];
  obsoletes?: string[];
}

function pack(nevra: string, { needs = [], obsoletes = [] }: Words = {}) {
  const parsed = parseNevra(nevra)!;
  const any = (name: string) => ({ name, flags: 0, version: '' });
  const self = { name: parsed.name, flags: sense.equal, version: `${parsed.version}-${parsed.release}` };
  return {
    ...parsed,
    nevra: nevraText(parsed),
    requires: needs.map(any),
    obsoletes: obsoletes.map(any),
    provides: [self],
    files: [],
  };
}

const shown = (...given: Parameters<typeof stepsOf>) =>
  stepsOf(...given).map(({ how, packages }) => [how, ...packages.map(({ nevra }) => nevra)]);

const nothing = { retained: [], removed: [] };
const [k1, k2] = ['kernel-1-1.x86_64', 'kernel-2-1.x86_64'];

test.each<[string, ...Parameters<typeof stepsOf>, string[][]]>([
  ['nothing beside: as ever', [pack('a-1-1.noarch'), pack(k1)], nothing, [['upgrade', 'a-1-1.noarch', k1]]],
  [
    'two architectures of one name: rpm has its colours for them',
    [pack('lib-1-1.i686'), pack('lib-1-1.x86_64')],
    nothing,
    [['upgrade', 'lib-1-1.i686', 'lib-1-1.x86_64']],
  ],
  [
    'two versions: one transaction',
    [pack(k1), pack(k2), pack('a-1-1.noarch')],
    nothing,
    [['install', k1, k2, 'a-1-1.noarch']],
  ],
  ['beside what the base has', [pack(k2)], { retained: [k1], removed: [] }, [['install', k2]]],
  [
    'beside, and an update: what goes has its successor first',
    [pack(k2, { needs: ['a'] }), pack('a-2-1.noarch')],
    { retained: [k1], removed: ['a-1-1.noarch'] },
    [
      ['upgrade', 'a-2-1.noarch'],
      ['install', k2],
    ],
  ],
  [
    'what needs the kernel comes with it, what a successor needs before it',
    [
      pack(k2),
      pack('module-1-1.noarch', { needs: ['kernel'] }),
      pack('a-2-1.noarch', { needs: ['new'] }),
      pack('new-1-1.noarch'),
    ],
    { retained: [k1], removed: ['a-1-1.noarch'] },
    [
      ['upgrade', 'a-2-1.noarch', 'new-1-1.noarch'],
      ['install', k2, 'module-1-1.noarch'],
    ],
  ],
  [
    'a successor that needs the kernel is a successor all the same',
    [pack(k2), pack('tools-2-1.noarch', { needs: ['kernel'], obsoletes: ['old'] })],
    { retained: [k1], removed: ['old-1-1.noarch'] },
    [
      ['upgrade', 'tools-2-1.noarch'],
      ['install', k2],
    ],
  ],
  [
    'a successor of one architecture beside the other that stays',
    [pack('lib-2-1.i686')],
    { retained: ['lib-1-1.x86_64'], removed: ['lib-1-1.i686'] },
    [['upgrade', 'lib-2-1.i686']],
  ],
])('%s', (_what, packages, below, expected) => {
  expect(shown(packages, below)).toEqual(expected);
});
