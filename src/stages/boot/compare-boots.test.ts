import { expect, test } from 'vitest';
import { testSchema } from '../recipe/schema.ts';
import { compareBoots, factsOf, judged, type BootFacts } from './compare-boots.ts';
import { maxChanges, type ListeningPort } from './evidence.ts';
import { makeVerdict } from './verdict.ts';

const none = { emerg: 0, alert: 0, crit: 0, err: 0, warning: 0 };
const MiB = 2 ** 20;
const port = (number: number, address = '0.0.0.0', protocol: 'tcp' | 'udp' = 'tcp'): ListeningPort => ({
  protocol,
  address,
  port: number,
});
const su = { path: '/usr/bin/su', mode: '4755' };
const good: BootFacts = {
  manifestDigest: `sha256:${'1'.repeat(64)}`,
  finished: '2026-11-29T00:00:00.000Z',
  backend: 'runc',
  instances: 1,
  failedUnits: [],
  ports: [port(80)],
  privileged: [su],
  peakMemory: 90 * MiB,
  readySeconds: 3,
  journalCounts: none,
};

const subjects = (now: Partial<BootFacts>, before: Partial<BootFacts> = {}) =>
  compareBoots({ ...good, ...now }, { ...good, ...before }).changes.map(({ subject }) => subject);

test('two boots that are alike', () => {
  const { with: other, changes } = compareBoots(good, good);
  expect(changes).toEqual([]);
  expect(other).toEqual({ manifestDigest: good.manifestDigest, finished: good.finished, backend: 'runc' });
});

test.each<[string, Partial<BootFacts>, string[]]>([
  ['a unit that failed', { failedUnits: ['a.service'] }, ['a.service']],
  ['a port', { ports: [port(80), port(8080)] }, ['tcp 8080']],
  ['a port of another protocol', { ports: [port(80, '0.0.0.0', 'udp')] }, ['udp 80']],
  ['setuid', { privileged: [su, { path: '/usr/bin/x', mode: '2755' }] }, ['/usr/bin/x']],
  ['another mode', { privileged: [{ ...su, mode: '6755' }] }, ['/usr/bin/su']],
  ['capabilities', { privileged: [{ ...su, capabilities: 'cap_net_raw=ep' }] }, ['/usr/bin/su']],
  ['memory, by more than a third', { peakMemory: 121 * MiB }, ['memory']],
  ['twice the time', { readySeconds: 6 }, ['time']],
  ['errors', { journalCounts: { ...none, err: 1, emerg: 2 } }, ['emerg', 'err']],
])('worse: %s', (_, now, worse) => {
  expect(subjects(now)).toEqual(worse);
});

test.each<[string, Partial<BootFacts>, Partial<BootFacts>]>([
  ['a unit failed before too', { failedUnits: ['a.service'] }, { failedUnits: ['a.service', 'b.service'] }],
  ['a port is gone', { ports: [] }, {}],
  ['another address of all addresses', { ports: [port(80, '::')] }, {}],
  ['a port that is now its own alone', { ports: [port(80, '127.0.0.1')] }, {}],
  ['memory, by a third', { peakMemory: 120 * MiB }, {}],
  ['memory, by little', { peakMemory: 20 * MiB }, { peakMemory: 10 * MiB }],
  ['the time is less than twice', { readySeconds: 5.9 }, {}],
  ['a short boot', { readySeconds: 2.4 }, { readySeconds: 0.5 }],
  ['more warnings', { journalCounts: { ...none, warning: 99 } }, {}],
  ['another backend', { backend: 'machine', readySeconds: 60, peakMemory: 900 * MiB }, {}],
  ['more beside it', { instances: 20, readySeconds: 60 }, {}],
  ['fewer processors', { cpus: 1, readySeconds: 60 }, {}],
])('no worse: %s', (_, now, before) => {
  expect(subjects(now, before)).toEqual([]);
});

test('a port that only it could reach, and all can now', () => {
  expect(subjects({ ports: [port(80)] }, { ports: [port(80, '127.0.0.1')] })).toEqual(['tcp 80']);
});

test('an older verdict tells less, and is compared in what it tells', () => {
  const { ports: _p, privileged: _f, journalCounts: _j, ...older } = good;
  const now = { ...good, ports: [port(1)], privileged: [], readySeconds: 9 };
  expect(compareBoots(now, older).changes.map(({ kind }) => kind)).toEqual(['time']);
});

test('the recipe says what is fatal, and accepts what it names', () => {
  const now = { ...good, ports: [port(80), port(8080), port(9090)], readySeconds: 9 };
  const { changes } = compareBoots(now, good, { fatal: ['ports'], accept: ['tcp 8080'] });
  expect(changes.map(({ subject, fatal }) => [subject, fatal])).toEqual([
    ['tcp 8080', false],
    ['tcp 9090', true],
    ['time', false],
  ]);
});

const report = { failedUnits: [], restartedUnits: [], journalErrors: [], oomKills: 0, log: [] };
const verdict = makeVerdict(
  {
    name: 'hat',
    manifestDigest: `sha256:${'0'.repeat(64)}`,
    plan: { ...testSchema.parse({ limits: { cpus: 2 } }), init: true },
    host: { runtime: 'runc 1.1.5', kernel: '6.1', architecture: 'x86_64' },
    started: '2026-11-30T00:00:00.000Z',
    finished: '2026-11-30T00:00:09.000Z',
  },
  [1, 2].map((instance) => ({
    causes: [],
    checks: [],
    report: {
      ...report,
      instance,
      readySeconds: instance,
      allowedFailures: ['b.service'],
      ports: [port(instance)],
      journalCounts: { ...none, err: instance },
    },
  })),
);

test('the facts of a verdict are those of all its instances', () => {
  expect(factsOf(verdict)).toMatchObject({
    backend: 'runc',
    cpus: 2,
    failedUnits: ['b.service'],
    ports: [port(1), port(2)],
    readySeconds: 2,
    journalCounts: { ...none, err: 2 },
  });
});

test('what is fatal is a cause; a verdict that failed keeps its own', () => {
  const rule = { fatal: ['ports' as const], accept: [] };
  const comparison = compareBoots(factsOf(verdict), good, rule);
  expect(judged(verdict, comparison)).toMatchObject({
    passed: false,
    causes: [
      { code: 'port-opened', instance: 0 },
      { code: 'port-opened', instance: 0 },
    ],
  });
  const failed = {
    ...verdict,
    passed: false,
    causes: [{ code: 'exited' as const, message: '', instance: 1 }],
  };
  expect(judged(failed, comparison)).toEqual({ ...failed, comparison });
  const said = compareBoots(factsOf(verdict), good);
  expect(judged(verdict, said)).toEqual({ ...verdict, comparison: said });
});

test('there is a bound', () => {
  const ports = Array.from({ length: 500 }, (_, index) => port(index + 1));
  expect(compareBoots({ ...good, ports }, good).changes).toHaveLength(maxChanges);
});
