import { expect, test } from 'vitest';
import type { TracedProgram } from '../../lib/container/trace.ts';
import type { MillinerError } from '../../lib/errors/error.ts';
import type { Scriptlet } from '../../lib/rpm/scriptlets.ts';
import { identifyRuns, scriptletsOf, type ScriptedPackage } from './scriptlet-runs.ts';
import { checkTransaction } from './transaction-checks.ts';
import { emptyLog, type TransactionLog } from './transaction.ts';
import { labelOf, ReportScanner } from './rpm-reports.ts';

type Given = Partial<Scriptlet> & Pick<Scriptlet, 'kind'>;

function packageOf(name: string, scriptlets: Given[], isInstalled = false): ScriptedPackage {
  const filled = scriptlets.map((one) => ({
    interpreter: ['/bin/sh'],
    body: '',
    flags: 0,
    conditions: [],
    ...one,
  }));
  return { nevra: `${name}-1-1.noarch`, name, scriptlets: filled, isInstalled };
}

let clock = 0n;
function programOf(args: string[], script: string | undefined, status = 0): TracedProgram {
  clock += 10n;
  return {
    arguments: Buffer.from(args.map((arg) => `${arg}\0`).join('')),
    ...(script !== undefined && { script: Buffer.from(script) }),
    begin: clock,
    end: clock + 5n,
    status,
    isAlone: true,
    leaves: false,
    outlives: false,
  };
}
const shell = (script: string, status = 0, ...numbers: string[]) =>
  programOf(
    ['/bin/sh', '/var/tmp/rpm-tmp.aBc123', ...(numbers.length > 0 ? numbers : ['1'])],
    script,
    status,
  );

function logOf(
  packages: ScriptedPackage[],
  programs: TracedProgram[],
  text = '',
  exitCode = 0,
): TransactionLog {
  const hasBase = packages.some(({ isInstalled }) => isInstalled);
  const scriptlets = scriptletsOf(packages, hasBase);
  const labels = new Set(scriptlets.map(({ kind, nevra }) => labelOf(`%${kind}`, nevra)));
  const words = new ReportScanner({ labels, owners: new Set() });
  words.push(Buffer.from(text));
  const order = packages.filter(({ isInstalled }) => !isInstalled).map(({ nevra }) => nevra);
  return {
    ...emptyLog,
    exitCode,
    scriptlets,
    runs: identifyRuns(programs, scriptlets, order),
    reports: words.end(),
  };
}

const told = (log: TransactionLog) =>
  log.runs.map(({ scriptlet }) => scriptlet && `%${scriptlet.kind}(${scriptlet.name})`);

function failuresOf(log: TransactionLog, scriptlets: string[] = []) {
  try {
    return checkTransaction(log, [], { scriptlets, owners: [] }, false);
  } catch (error) {
    const { details, hint, code } = error as MillinerError;
    return { code, hint, failures: details['failures'] };
  }
}

test('a program is known by what rpm has put into its hands', () => {
  const packages = [
    packageOf('a', [
      { kind: 'pre', body: 'one' },
      { kind: 'post', body: 'two' },
    ]),
    packageOf('b', [
      { kind: 'triggerin', body: 'two' },
      { kind: 'posttrans', body: 'three', interpreter: ['/bin/bash', '-e'] },
    ]),
  ];
  const log = logOf(packages, [
    shell('one'),
    shell('two'),
    shell('two', 0, '1', '1'),
    programOf(['/bin/bash', '-e', '/var/tmp/rpm-tmp.XXXXXX', '1'], 'three'),
    shell('four'),
    programOf(['/usr/bin/other'], undefined),
  ]);
  expect(told(log)).toEqual(['%pre(a)', '%post(a)', '%triggerin(b)', '%posttrans(b)', undefined, undefined]);
});

const ldconfig: Given = { kind: 'post', interpreter: ['/sbin/ldconfig'] };

test("what several packages share is told by rpm's order, where as many ran", () => {
  const packages = ['a', 'b', 'c'].map((name) =>
    packageOf(name, [ldconfig, { ...ldconfig, kind: 'postun' }]),
  );
  const run = () => programOf(['/bin/sh', '/sbin/ldconfig'], undefined);
  expect(told(logOf(packages, [run(), run(), run()]))).toEqual(['%post(a)', '%post(b)', '%post(c)']);
  expect(told(logOf(packages, [run(), run()]))).toEqual([undefined, undefined]);
  const base = packageOf('old', [{ ...ldconfig, kind: 'postun' }], true);
  expect(told(logOf([...packages, base], [run(), run(), run(), run()]))).toEqual([
    undefined,
    undefined,
    undefined,
    undefined,
  ]);
});

test('an order that a scriptlet has spoiled is none', () => {
  const scriptlets = scriptletsOf(
    ['a', 'b'].map((name) => packageOf(name, [ldconfig])),
    false,
  );
  const programs = [1, 2].map(() => programOf(['/sbin/ldconfig'], undefined));
  const order = ['a-1-1.noarch', 'b-1-1.noarch'];
  const names = (said: string[]) =>
    identifyRuns(programs, scriptlets, said).map(({ scriptlet }) => scriptlet?.name);
  expect(names(order)).toEqual(['a', 'b']);
  expect(names(['b-1-1.noarch', ...order])).toEqual([undefined, undefined]);
  expect(names(['b-1-1.noarch'])).toEqual([undefined, undefined]);
});

test('macros that rpm expands leave a scriptlet untold, and its failure to be named by rpm', () => {
  const packages = [packageOf('a', [{ kind: 'post', body: '%{x}', flags: 1 }])];
  const log = logOf(
    packages,
    [shell('expanded', 1 << 8)],
    'warning: %post(a-1-1.noarch) scriptlet failed, exit status 1\n',
  );
  expect(told(log)).toEqual([undefined]);
  expect(failuresOf(log)).toMatchObject({ failures: [{ scriptlet: '%post', package: 'a-1-1.noarch' }] });
  const silent = logOf(packages, [shell('expanded', 1 << 8)]);
  expect(failuresOf(silent)).toMatchObject({
    code: 'SCRIPTLET_FAILED',
    failures: [{ scriptlet: 'unknown', names: ['%post(a)'] }],
  });
  expect(failuresOf(silent, ['%post(a)'])).toEqual([expect.stringContaining('%post(a)')]);
});

test('a process that failed is a failure whatever rpm said, and so is one of which rpm alone tells', () => {
  const packages = [packageOf('a', [{ kind: 'post', body: 'one' }])];
  const lua = packageOf('b', [{ kind: 'post', body: 'x', interpreter: ['<lua>'] }]);
  const words = 'warning: %post(a-1-1.noarch) scriptlet failed, exit status 3\n';
  expect(failuresOf(logOf(packages, [shell('one', 3 << 8)]))).toMatchObject({
    failures: [{ status: 'exit status 3' }],
  });
  expect(failuresOf(logOf(packages, [shell('one', 9)]))).toMatchObject({
    failures: [{ status: 'signal 9' }],
  });
  const both = failuresOf(logOf(packages, [shell('one', 3 << 8)], words)) as { failures: unknown[] };
  expect(both.failures).toHaveLength(1);
  for (const programs of [[shell('one')], []]) {
    expect(failuresOf(logOf(packages, programs, words))).toMatchObject({
      code: 'SCRIPTLET_FAILED',
      failures: [{ scriptlet: '%post', package: 'a-1-1.noarch', status: 'exit status 3' }],
    });
    // A Lua scriptlet writes where rpm does.
    expect(failuresOf(logOf([...packages, lua], programs, words))).toEqual([]);
  }
});

const logLine = (stream: 'stderr' | 'scriptlet', text: string) => ({ at: 1, stream, text });
const diskIsFull = 'cp: write error: No space left on device';

test("what a scriptlet says of a full disk is nobody's fact", () => {
  const failed = { ...logOf([], [], '', 1), lines: [logLine('scriptlet', diskIsFull)] };
  expect(failuresOf(failed)).toMatchObject({ code: 'INSTALL_FAILED' });
  expect(failuresOf({ ...failed, lines: [logLine('stderr', diskIsFull)] })).toMatchObject({
    code: 'DISK_FULL',
  });
});

test("an installation's error has rpm's own words, however many a scriptlet has beside them", () => {
  const said = ['error: unpacking of archive failed', 'error: no, it went well'];
  const log = {
    ...logOf([], [], '', 1),
    lines: [logLine('scriptlet', said[1]!), logLine('stderr', said[0]!), logLine('scriptlet', said[1]!)],
  };
  expect(() => checkTransaction(log, [], { scriptlets: [], owners: [] }, false)).toThrow(
    expect.objectContaining({ message: `rpm exited 1:\n${said[0]}` }) as Error,
  );
});

test('what scriptlets have left running is a warning that names them', () => {
  const log = logOf([packageOf('a', [{ kind: 'post', body: 'one' }])], [shell('one')]);
  log.runs[0]!.outlives = true;
  expect(failuresOf({ ...log, endedProcesses: 2 })).toEqual([expect.stringContaining('%post(a-1-1.noarch)')]);
});

test('what a Lua scriptlet starts is for it to judge', () => {
  const lua = packageOf('a', [{ kind: 'post', interpreter: ['<lua>'], body: 'os.execute("false")' }]);
  const programs = () => [
    programOf(['sh', '-c', 'false'], undefined, 1 << 8),
    { ...programOf([], undefined, 256), arguments: undefined },
  ];
  const forked = programs().map(({ arguments: line, ...rest }) =>
    line ? { ...rest, arguments: line } : rest,
  );
  expect(failuresOf(logOf([lua], forked))).toEqual([]);
  const plain = packageOf('b', [{ kind: 'post', body: 'x' }]);
  expect(failuresOf(logOf([plain], forked.slice(1)))).toMatchObject({ code: 'SCRIPTLET_FAILED' });
});

test("a program that Lua ran too is nobody's, and its failure counts where rpm tells of it", () => {
  const packages = [
    packageOf('lua', [{ kind: 'post', interpreter: ['<lua>'], body: 'x' }]),
    packageOf('lib', [ldconfig]),
  ];
  const run = (status = 0) => programOf(['/sbin/ldconfig'], undefined, status);
  const rpms = 'warning: %post(lib-1-1.noarch) scriptlet failed, exit status 1\n';
  expect(told(logOf(packages, [run()]))).toEqual(['%post(lib)']);
  expect(failuresOf(logOf(packages, [run(256)]))).toMatchObject({ failures: [{ names: ['%post(lib)'] }] });
  expect(told(logOf(packages, [run(256), run()]))).toEqual([undefined, undefined]);
  expect(failuresOf(logOf(packages, [run(256), run()]))).toEqual([]);
  expect(failuresOf(logOf(packages, [run(), run(256)], rpms))).toMatchObject({
    failures: [{ names: ['%post(lib)'] }],
  });
});

test("words that cannot be rpm's do not push out its own", () => {
  const packages = [
    packageOf('lua', [{ kind: 'post', interpreter: ['<lua>'], body: 'x' }]),
    packageOf('bad', [{ kind: 'post', interpreter: ['/no/where'], body: '' }]),
  ];
  const flood = Array.from(
    { length: 2000 },
    (_, i) => `%post(p${i}-1-1.noarch) scriptlet failed, exit status 127\n`,
  ).join('');
  const { arguments: _, ...fork } = programOf([], undefined, 127 << 8);
  const own = 'warning: %post(bad-1-1.noarch) scriptlet failed, exit status 127\n';
  expect(failuresOf(logOf(packages, [fork], flood + own))).toMatchObject({
    failures: [{ package: 'bad-1-1.noarch' }],
  });
});

test('packages of the base can be allowed: their triggers, and what runs when they go', () => {
  const packages = [
    packageOf('new', []),
    packageOf(
      'base',
      [
        { kind: 'transfiletriggerin', body: 'one' },
        { kind: 'postun', body: 'two' },
      ],
      true,
    ),
  ];
  const log = logOf(packages, [shell('one', 256), shell('two', 256)]);
  const names = ['%transfiletriggerin(base)', '%postun(base)'];
  expect(failuresOf(log)).toMatchObject({
    failures: names.map((name) => ({ names: [name] })),
    hint: expect.stringContaining(JSON.stringify(names[0])) as string,
  });
  expect(failuresOf(log, names)).toHaveLength(2);
});

test.each(['pre', 'pretrans', 'triggerprein'] as const)(
  '%%%s: no hint allows what rpm does not go on after',
  (kind) => {
    const numbers = kind === 'triggerprein' ? ['1', '1'] : ['1'];
    const log = logOf([packageOf('a', [{ kind, body: 'x' }])], [shell('x', 256, ...numbers)], '', 1);
    expect((failuresOf(log) as { hint: string }).hint).not.toContain('allow:');
    expect(failuresOf(log, [`%${kind}(a)`])).toMatchObject({ code: 'INSTALL_FAILED' });
  },
);

const ended = (exitCode: number) => () =>
  checkTransaction({ ...emptyLog, exitCode }, [], { scriptlets: [], owners: [] }, false);

test.each([
  [139, 'SIGSEGV'],
  [134, 'SIGABRT'],
])('rpm that ended with %i has crashed, of %s', (exitCode, signal) => {
  expect(ended(exitCode)).toThrow(
    expect.objectContaining({ code: 'INSTALL_FAILED', details: { exitCode, signal } }) as Error,
  );
});

test.each([1, 5, 128, 255])('rpm that ended with %i has not', (exitCode) => {
  expect(ended(exitCode)).toThrow(
    expect.objectContaining({ code: 'INSTALL_FAILED', details: { exitCode } }) as Error,
  );
});
