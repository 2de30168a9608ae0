/** A scriptlet that fails, and an owner whom no package makes, fail the build by name; the recipe can allow just that one. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { useOneProcess } from '../../helpers/command-client.ts';
import { Desk } from '../../helpers/milliner.ts';
import { leftovers } from '../../helpers/traces.ts';

useOneProcess();

let desk: Desk;
beforeEach(async () => {
  desk = await Desk.open();
});
afterEach(async () => {
  expect(await leftovers(desk.directory)).toEqual([]);
  await desk.remove();
});

/** What the last, if any, is: words of the scriptlet itself. */
const scriptlets: [name: string, scriptlet: string, status: string, words?: string][] = [
  ['post-fails', '%post', 'exit status 3', 'words of the scriptlet'],
  ['posttrans-fails', '%posttrans', 'exit status 4'],
  ['triggerin-fails', '%triggerin', 'exit status 5'],
  ['filetrigger-fails', '%filetriggerin', 'exit status 6'],
  ['transfiletrigger-fails', '%transfiletriggerin', 'exit status 7'],
  ['interpreter-missing', '%post', 'exit status 127'],
  ['post-killed', '%post', 'signal 9'],
  ['reaches-network', '%post', 'exit status 1', 'Network is unreachable'],
  ['half-line', '%post', 'exit status 3'],
  ['runs-as-daemon', '%post', 'exit status 6'],
];

test.each(scriptlets)('%s: %s ends the build', async (name, scriptlet, status, words = '') => {
  const recipe = await desk.tiny('failing', ['tiny-base', 'tiny-app', name]);
  const error = await desk.fails(['build', recipe]);
  expect(error).toMatchObject({
    code: 'SCRIPTLET_FAILED',
    exit: 7,
    details: { failures: [{ scriptlet, package: expect.stringMatching(`^${name}-1-1`) as string, status }] },
  });
  expect(error.message).toContain(`${scriptlet}(${name}-1-1`);
  expect(error.message).toContain(words);
});

test.each([
  ['pre-fails', '%pre', 'exit status 1'],
  ['lua-fails', '%post', expect.stringContaining('words of the scriptlet') as string],
])('%s: %s, after which rpm itself gives up or goes on, ends the build', async (name, scriptlet, status) => {
  const recipe = await desk.tiny('failing', ['tiny-base', name]);
  const error = await desk.fails(['build', recipe]);
  expect(error).toMatchObject({ code: 'SCRIPTLET_FAILED', exit: 7 });
  expect(error.details).toMatchObject({ failures: [{ scriptlet, status }] });
});

test.each([
  ['lua-with-a-rather-long-name-of-a-package', '1: cut'],
  ['full-of-files', expect.stringContaining('temporary file') as string],
])('%s: what no process tells, rpm does, and it has a name', async (name, status) => {
  const error = await desk.fails(['build', await desk.tiny('words', ['tiny-base', name])]);
  const failure = { scriptlet: '%post', package: `${name}-1-1.noarch`, status, names: [`%post(${name})`] };
  expect(error).toMatchObject({ code: 'SCRIPTLET_FAILED', details: { failures: [failure] } });
});

test('a Lua error that names no scriptlet ends the build too', async () => {
  const error = await desk.fails(['build', await desk.tiny('unplaced', ['tiny-base', 'lua-unplaced'])]);
  expect(error).toMatchObject({
    code: 'SCRIPTLET_FAILED',
    details: { failures: [{ status: 'without a place' }] },
  });
});

test("words like rpm's own that cannot be true pass", async () => {
  const recipe = await desk.tiny('fake', ['tiny-base', 'fake-words']);
  expect(await desk.build(recipe)).toMatchObject({ packages: 2 });
});

test('the hint names what to allow, and allows nothing where that cannot help', async () => {
  const post = await desk.fails(['build', await desk.tiny('post', ['tiny-base', 'post-fails'])]);
  expect(post.hint).toContain('allow: {scriptlets: ["%post(post-fails)"]}');
  const pre = await desk.fails(['build', await desk.tiny('pre', ['tiny-base', 'pre-fails'])]);
  expect(pre.hint).not.toContain('allow:');
  const allow = { scriptlets: ['%pre(pre-fails)'] };
  const allowed = await desk.tiny('allowed-pre', ['tiny-base', 'pre-fails'], { allow });
  expect(await desk.fails(['build', allowed])).toMatchObject({ code: 'DATABASE_DIFFERS' });
});

test.each([
  ['owner-hidden', 'stranger', false],
  ['owner-late', 'latecomer', true],
])("%s: the file itself tells that it has become root's", async (name, owner, isLate) => {
  const error = await desk.fails(['build', await desk.tiny('owned', ['tiny-base', name])]);
  const told = { kind: 'user', name: owner, isLate, packages: [`${name}-1-1.noarch`] };
  expect(error).toMatchObject({ code: 'OWNER_UNKNOWN', details: { owners: [told] } });
  const allow = { owners: [owner] };
  const allowed = await desk.tiny('owned-allowed', ['tiny-base', name], { allow });
  expect(await desk.build(allowed)).toMatchObject({ packages: 2 });
});

test('every failure is told, not the first alone', async () => {
  const recipe = await desk.tiny('failing', ['tiny-base', 'post-fails', 'posttrans-fails', 'owner-unknown']);
  const error = await desk.fails(['build', recipe]);
  const failures = error.details?.['failures'] as { package: string }[];
  expect(failures.map((one) => one.package)).toEqual([
    expect.stringMatching(/^post-fails/),
    expect.stringMatching(/^posttrans-fails/),
  ]);
});

test.each(scriptlets.slice(2, 6))(
  'allow: scriptlets lets the named one pass: %s %s',
  async (name, scriptlet) => {
    const packages = ['tiny-base', name];
    const allowed = await desk.tiny('allowed', packages, {
      allow: { scriptlets: [`${scriptlet}(${name})`] },
    });
    await desk.build(allowed);
    const { report } = await desk.json<{ report: { warnings: string[] } }>(['inspect', 'allowed']);
    expect(report.warnings).toEqual([expect.stringContaining(`${scriptlet}(${name}-1-1`)]);
  },
);

test('allow: scriptlets lets nothing else pass', async () => {
  const allow = { scriptlets: ['%pre(post-fails)', '%post(tiny-base)', '%post(post-fail)'] };
  const recipe = await desk.tiny('other', ['tiny-base', 'post-fails'], { allow });
  expect(await desk.fails(['build', recipe])).toMatchObject({ code: 'SCRIPTLET_FAILED' });
});

test.each([
  ['owner-unknown', 'user', 'stranger'],
  ['group-unknown', 'group', 'strangers'],
])('%s: ends the build, names the file, and can be allowed', async (name, kind, owner) => {
  const recipe = await desk.tiny('owners', ['tiny-base', name]);
  expect(await desk.fails(['build', recipe])).toMatchObject({
    code: 'OWNER_UNKNOWN',
    exit: 7,
    message: expect.stringContaining(`/usr/share/${name}`) as string,
    details: { owners: [{ kind, name: owner, packages: [`${name}-1-1.noarch`] }] },
  });
  const allowed = await desk.tiny('allowed', ['tiny-base', name], { allow: { owners: [owner] } });
  expect(await desk.build(allowed)).toMatchObject({ packages: 2 });
  const other = await desk.tiny('other', ['tiny-base', name], { allow: { owners: ['somebody'] } });
  expect(await desk.fails(['build', other])).toMatchObject({ code: 'OWNER_UNKNOWN' });
});

test('a file that two packages carry with other content is rpm to refuse', async () => {
  const recipe = await desk.tiny('conflict', ['tiny-base', 'tiny-app', 'file-conflicts']);
  const error = await desk.fails(['build', recipe]);
  expect(error).toMatchObject({ code: 'INSTALL_FAILED', exit: 7 });
  expect(error.message).toContain('/usr/share/tiny/first');
});

test('a name that a layer would read as a deletion is refused', async () => {
  const recipe = await desk.tiny('whiteout', ['tiny-base', 'whiteout-name']);
  const error = await desk.fails(['build', recipe]);
  expect(error).toMatchObject({ code: 'IMAGE_UNREPRESENTABLE', exit: 7 });
  expect(error.message).toContain('/usr/share/.wh.name');
});

test('a scriptlet that writes something else each time is found by --check, by path and package', async () => {
  const recipe = await desk.tiny('random', ['tiny-base', 'random']);
  const error = await desk.fails(['build', recipe, '--check']);
  const random = { path: 'var/lib/random', what: 'content', package: 'random-1-1.noarch' };
  expect(error).toMatchObject({ code: 'NOT_REPRODUCIBLE', exit: 10, details: { differences: [random] } });
  expect(await desk.build(await desk.tiny('sound', ['tiny-base', 'tiny-app']), '--check')).toMatchObject({
    reproducible: true,
  });
});
