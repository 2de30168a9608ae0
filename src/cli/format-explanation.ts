/** Formats the report on why a package is in a lock or not. */
import type { Step, AbsenceReport, PresenceReport } from '../pipeline/report/explain-package.ts';

export function presenceLines({ packages }: PresenceReport): string[] {
  return packages.flatMap(({ nevra, steps }) => [
    nevra,
    ...(steps.length === 0 ? ['  comes with the base'] : steps.map((step) => `  ${stepLine(step)}`)),
  ]);
}

function stepLine({ kind, by = '', dependency = '' }: Step): string {
  switch (kind) {
    case 'asked':
      return `asked for by the recipe: ${dependency}`;
    case 'requires':
      return `required by ${by}: ${dependency}`;
    case 'recommends':
      return `recommended by ${by}: ${dependency}`;
    case 'supplements':
      return `supplements ${by}: ${dependency}`;
    case 'replaces':
      return `takes the place of ${by}`;
    default:
      return dependency === '' ? 'the solver gives no reason' : dependency;
  }
}

export function absenceLines({ word, answer }: AbsenceReport): string[] {
  const candidates = answer.candidates.map(
    ({ name, epoch, version, release, arch, repo }) =>
      `  ${name}-${epoch ? `${epoch}:` : ''}${version}-${release}.${arch}${repo && ` of ${repo}`}`,
  );
  return [`${word}: ${reasonOf(answer)}`, ...candidates];
}

function reasonOf(answer: AbsenceReport['answer']): string {
  switch (answer.kind) {
    case 'present':
      return `is in the lock: ${answer.by.join(', ')}`;
    case 'unknown':
      return answer.detail;
    case 'excluded':
      return 'is excluded, by the recipe, its repositories or a pin';
    case 'version':
      return `${answer.by.join(', ')} is there instead (${versionReasons[answer.detail]})`;
    case 'replaced':
      return `${answer.by.join(', ')} has taken its place`;
    case 'refused':
      return `cannot be there: ${answer.problems.map((lines) => lines.join('; ')).join(' / ')}`;
    case 'weak':
      return `only ${answer.by.join(', ')} speaks of it, weakly: ${answer.dependency}`;
    default:
      return 'nothing asks for it';
  }
}

const versionReasons = {
  installed: 'it was there before',
  priority: 'its repository comes first',
  cost: 'its repository costs less',
  newer: 'it is newer',
  needed: 'it is what others need',
};
