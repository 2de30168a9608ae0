/** Workflows and the action, ours and those that others copy: their form, and what they let a stranger do. */
import { existsSync, globSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { checkout } from '../../../spec/places.ts';
import { run } from '../../../src/lib/host/exec.ts';
import { unpinned } from '../supply/workflow.ts';
import { actionFaults, workflowFaults } from './workflow-parser.ts';
import {
  checkoutsWithToken,
  eventsOf,
  jobsWithoutPermissions,
  scriptsWithExpressions,
  secretsOf,
  writingPermissions,
} from './workflow-rules.ts';

const read = (name: string) => readFileSync(join(checkout, name), 'utf8');
const find = (pattern: string) => globSync(pattern, { cwd: checkout }).toSorted();
const workflows = find('{.github/workflows,docs/examples/github}/*.yml');
const actions = find('.github/actions/*/action.yml');

test('there are workflows and an action to look at', () => {
  expect(workflows).toHaveLength(7);
  expect(actions).toHaveLength(1);
});

describe.each(workflows)('%s', (name) => {
  const text = read(name);

  test("is what GitHub's parser reads without a fault", async () => {
    expect(await workflowFaults(name, text)).toEqual([]);
  });

  test('uses nothing that others can move, and no expression in a script', () => {
    expect(unpinned(text)).toEqual([]);
    expect(scriptsWithExpressions(text)).toEqual([]);
  });

  test('gives permissions to jobs alone, and its token to no file', () => {
    expect(text).toMatch(/^permissions: \{\}$/m);
    expect(checkoutsWithToken(text)).toEqual([]);
    expect(jobsWithoutPermissions(text)).toEqual([]);
  });

  test('starts by nothing that runs the files of a stranger beside secrets', () => {
    const events = eventsOf(text);
    expect(events).not.toContain('pull_request_target');
    expect(events).not.toContain('workflow_run');
    expect(events).not.toContain('issue_comment');
    if (!events.includes('pull_request')) return;
    expect(secretsOf(text)).toEqual([]);
    expect(writingPermissions(text)).toEqual([]);
  });
});

test('the workflow of pull requests reads no secret and writes nothing, whichever workflow calls it', () => {
  const text = read('.github/workflows/pull-request.yml');
  expect([secretsOf(text), writingPermissions(text)]).toEqual([[], []]);
});

test('a workflow that others call asks for no more than its caller in the examples gives', () => {
  for (const example of find('docs/examples/github/*.yml')) {
    const called = /\.github\/workflows\/[\w-]+\.yml/.exec(read(example))![0];
    expect(writingPermissions(read(called))).toEqual(writingPermissions(read(example)));
  }
});

describe.each(actions)('%s', (name) => {
  test('is in the form of actions, pins what it uses, and has no expression in a script', () => {
    const text = read(name);
    expect(actionFaults(name, text)).toEqual([]);
    expect(unpinned(text)).toEqual([]);
    expect(scriptsWithExpressions(text)).toEqual([]);
  });
});

describe('the rules find', () => {
  const job = (rest: string) => `on: push\njobs:\n  one:\n    runs-on: ubuntu-latest\n${rest}`;

  test.each(['github.event.pull_request.title', 'inputs.set', 'github.head_ref', 'secrets.key'])(
    '%s in a script',
    (value) => {
      const text = job(`    steps:\n      - run: echo "\${{ ${value} }}"\n`);
      expect(scriptsWithExpressions(text)).toHaveLength(1);
    },
  );

  test.each(['', '    permissions: write-all\n', '    permissions: read-all\n'])('permissions %j', (rest) => {
    expect(jobsWithoutPermissions(job(`${rest}    steps: []\n`))).toEqual(['one']);
  });

  test('a checkout that leaves its token, and every way to a secret', () => {
    expect(checkoutsWithToken(job('    steps:\n      - uses: actions/checkout@v4\n'))).toHaveLength(1);
    expect(secretsOf('a: ${{ secrets.key }}, b: ${{ github.token }}\nsecrets: inherit')).toEqual([
      'github.token',
      'inherit',
      'key',
    ]);
  });

  test.each([
    ['a step that is neither', job('    steps:\n      - name: nothing\n')],
    ['an unknown key', job('    step: []\n')],
    ['an unknown permission', job('    permissions: { everything: write }\n    steps: [{ run: ls }]\n')],
    ['a job that needs none', job('    needs: two\n    steps: [{ run: ls }]\n')],
  ])('%s', async (_, text) => {
    expect(await workflowFaults('a.yml', text)).not.toEqual([]);
  });

  test('an action without a description', () => {
    expect(actionFaults('action.yml', 'name: a\nruns: { using: composite, steps: [] }\n')).not.toEqual([]);
  });
});

/** `go install` puts it into the home of its user. */
const actionlint = [...(process.env['PATH'] ?? '').split(delimiter), join(homedir(), 'go/bin')]
  .map((directory) => join(directory, 'actionlint'))
  .find((path) => existsSync(path));

test(`actionlint finds nothing (${actionlint ?? "not on this host: GitHub's parser above is the check"})`, async () => {
  if (actionlint === undefined) return;
  const paths = workflows.map((name) => join(checkout, name));
  const { stdout } = await run(actionlint, ['-no-color', ...paths], { cwd: checkout, allow: [0, 1] });
  expect(stdout).toBe('');
});
