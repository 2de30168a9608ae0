/** What is demanded of workflows and actions besides the form: rules that keep strangers away from secrets. */
import { isMap, isScalar, isSeq, parseDocument, visit, type YAMLMap } from 'yaml';

/** Each script with an expression in it: the runner writes its value into the script before a shell reads it. */
export function scriptsWithExpressions(text: string): string[] {
  return scriptsOf(text).filter((script) => script.includes('${{'));
}

function scriptsOf(text: string): string[] {
  const found: string[] = [];
  visit(parseDocument(text), {
    Pair(_, { key, value }) {
      if (isScalar(key) && key.value === 'run' && isScalar(value)) found.push(String(value.value));
    },
  });
  return found;
}

/** Jobs that get the permissions of the repository's settings, which may be all of them. */
export function jobsWithoutPermissions(text: string): string[] {
  return jobsOf(text).flatMap(([name, job]) => (isMap(job.get('permissions')) ? [] : [name]));
}

/** Every permission to write, as `JOB: SCOPE`. */
export function writingPermissions(text: string): string[] {
  return jobsOf(text).flatMap(([name, job]) => {
    const permissions = job.get('permissions');
    if (!isMap(permissions)) return [`${name}: ${String(permissions)}`];
    return permissions.items.flatMap(({ key, value }) =>
      String(value) === 'write' ? [`${name}: ${String(key)}`] : [],
    );
  });
}

/** Names of the secrets that a workflow reads, its own token among them. */
export function secretsOf(text: string): string[] {
  const names = text.matchAll(/\bsecrets\.([\w-]+)|\bgithub\.token\b|\bsecrets:\s*(inherit)\b/g);
  return [...new Set([...names].map(([all, name, inherit]) => name ?? inherit ?? all))].toSorted();
}

/** Checkouts that would leave the token in the configuration of git, where later steps can read it. */
export function checkoutsWithToken(text: string): string[] {
  return stepsOf(text).flatMap((step) => {
    const uses = String(step.get('uses'));
    const isKept = step.getIn(['with', 'persist-credentials']) !== false;
    return uses.startsWith('actions/checkout@') && isKept ? [uses] : [];
  });
}

export function eventsOf(text: string): string[] {
  const on: unknown = parseDocument(text).get('on');
  if (isMap(on)) return on.items.map(({ key }) => String(key));
  return isSeq(on) ? on.items.map(String) : [String(on)];
}

function jobsOf(text: string): [string, YAMLMap][] {
  const jobs: unknown = parseDocument(text).get('jobs');
  if (!isMap(jobs)) return [];
  return jobs.items.flatMap(({ key, value }): [string, YAMLMap][] =>
    isMap(value) ? [[String(key), value]] : [],
  );
}

function stepsOf(text: string): YAMLMap[] {
  return jobsOf(text).flatMap(([, job]) => {
    const steps = job.get('steps');
    return isSeq(steps) ? steps.items.filter((step) => isMap(step)) : [];
  });
}
