/** The boot of a proposed lock, as a check run on the commit of its branch. */
import { z } from 'zod';
import { fillTemplate } from '../lib/host/template.ts';
import { showSeconds, showSize } from '../stages/report/amounts.ts';
import { escapeAll } from '../stages/report/escape-text.ts';
import { escapeGithub, shorten } from './escape-github.ts';
import type { Github } from './github-api.ts';
import { readTemplate } from './github-template.ts';
import type { BootedLock } from './boot-lock.ts';

/** GitHub's bound of each text of a check run. */
const maxTextLength = 65_535;
const maxLines = 100;
const maxLineLength = 500;

const checkRunSchema = z.object({
  id: z.int().positive(),
  external_id: z.string().max(1000).nullable(),
  conclusion: z.string().max(64).nullable(),
});
const checkRunsSchema = z.object({ check_runs: z.array(checkRunSchema).max(100) });

const checkName = (recipe: string) => `milliner boot ${recipe}`;

/** Makes the check run, unless it is there. Returns whether one was made. */
export async function reportBoot(
  github: Github,
  recipe: string,
  head: string,
  booted: BootedLock,
): Promise<boolean> {
  const name = checkName(recipe);
  const conclusion = booted.passed ? 'success' : 'failure';
  const externalId = `${booted.lockDigest} ${booted.manifestDigest ?? booted.failure?.code}`;
  const { check_runs: there } = await github.ask(checkRunsSchema, ({ rest }, at) =>
    rest.checks.listForRef({ ...at, ref: head, check_name: name, per_page: 100 }),
  );
  if (there.some((one) => one.external_id === externalId && one.conclusion === conclusion)) return false;
  const output = await outputOf(booted);
  await github.ask(checkRunSchema, ({ rest }, at) =>
    rest.checks.create({
      ...at,
      name,
      head_sha: head,
      external_id: externalId,
      status: 'completed',
      conclusion,
      output,
    }),
  );
  return true;
}

async function outputOf(booted: BootedLock): Promise<{ title: string; summary: string; text: string }> {
  const { verdict, failure, passed } = booted;
  const title = passed ? 'It booted and passed its checks' : 'It did not pass';
  const view = escapeAll(
    {
      failure: failure ? [{ code: failure.code, message: oneText(failure.message) }] : [],
      digest: booted.manifestDigest ?? '–',
      ready: verdict?.readySeconds === undefined ? '–' : showSeconds(verdict.readySeconds),
      memory: verdict?.peakMemory === undefined ? '–' : showSize(verdict.peakMemory),
      causes: (verdict?.causes ?? []).slice(0, maxLines).map(({ code, message, instance }) => ({
        code,
        where: instance === 0 ? 'image' : `instance ${instance}`,
        message: oneText(message),
      })),
      worse: (verdict?.comparison?.changes ?? [])
        .slice(0, maxLines)
        .map(({ kind, message }) => ({ kind, message: oneText(message) })),
      timeline: timelineOf(booted),
      errors: (verdict?.journalErrors ?? [])
        .slice(0, maxLines)
        .map(({ unit, message }) => ({ unit: oneText(unit), message: oneText(message) })),
      log: (verdict?.instances ?? []).flatMap(({ log }) => log.slice(-maxLines)).map((line) => oneText(line)),
    },
    escapeGithub,
  );
  const [summary, text] = await Promise.all(
    ['boot-summary', 'boot-evidence'].map(async (name) =>
      within(fillTemplate(await readTemplate(name), view)),
    ),
  );
  return { title, summary: summary!, text: text! };
}

const oneText = (text: string) => shorten(text, maxLineLength);

/** Only whole lines: half an escape is none. */
function within(text: string): string {
  const lines = text.split('\n');
  while (lines.join('\n').length > maxTextLength) lines.length = Math.floor(lines.length / 2);
  return lines.join('\n');
}

function timelineOf({ verdict }: BootedLock): { at: string; what: string }[] {
  if (!verdict) return [];
  const started = verdict.instances.flatMap(({ instance, readySeconds, stopSeconds }) => [
    ...(readySeconds === undefined
      ? []
      : [{ at: showSeconds(readySeconds), what: `instance ${instance} is ready` }]),
    ...(stopSeconds === undefined
      ? []
      : [{ at: `+${showSeconds(stopSeconds)}`, what: `instance ${instance} has stopped when asked to` }]),
  ]);
  const checks = verdict.checks.slice(0, maxLines).map(({ check, instance, passed, attempts, seconds }) => ({
    at: `+${showSeconds(seconds)}`,
    what: `${passed ? 'passed' : 'failed'}: ${oneText(check)} (instance ${instance}, attempt ${attempts})`,
  }));
  return [
    { at: verdict.started, what: 'boot' },
    ...started,
    ...checks,
    { at: verdict.finished, what: 'end' },
  ];
}
