/** Issues, pull requests and labels of the stand-in. */
import type { Description } from './description.ts';
import { invalid, notFound, pageOf, Refusal, text, type ApiRoute } from './exchange.ts';
import type { Issue, Label, Pull, RepositoryState } from './repository-state.ts';

const at = '/repos/{owner}/{repo}';
const maxBody = 65_536;
const maxTitle = 256;

const labelBody = ({ id, name, color, description }: Label) => ({
  id,
  node_id: `L_${id}`,
  url: `https://api.github.com/repos/o/r/labels/${encodeURIComponent(name)}`,
  name,
  description,
  color,
  default: false,
});

const labelsOf = (state: RepositoryState, issue: Issue) =>
  issue.labels.map((name) => labelBody(ensureLabel(state, name)));

/** A label that is named on an issue comes into being, as at GitHub. */
function ensureLabel(state: RepositoryState, name: string): Label {
  const there = state.labels.find((one) => one.name.toLowerCase() === name.toLowerCase());
  if (there) return there;
  const label = { id: state.nextId(), name, color: 'ededed', description: '' };
  state.labels.push(label);
  return label;
}

function issueBody(description: Description, state: RepositoryState, issue: Issue) {
  const body = description.example('issue');
  return {
    ...body,
    id: issue.number,
    number: issue.number,
    title: issue.title,
    body: issue.body,
    state: issue.state,
    state_reason: issue.stateReason,
    labels: labelsOf(state, issue),
    user: { ...(body['user'] as object), login: issue.author },
    ...(issue.pull ? {} : { pull_request: undefined }),
  };
}

function pullBody(description: Description, state: RepositoryState, issue: Issue & { pull: Pull }) {
  const { pull } = issue;
  const body = description.example('pull-request');
  const side = (name: 'head' | 'base', ref: string, sha: string) => {
    const own = body[name] as { repo: object };
    const repo = { ...own.repo, name: state.name, full_name: `${state.owner}/${state.name}` };
    return { ...own, ref, sha, label: `${state.owner}:${ref}`, repo };
  };
  const base = state.refs.get(`heads/${pull.base}`) ?? pull.headSha;
  const common = state.git.mergeBase(base, pull.headSha);
  const behind = new Set(common === undefined ? [] : state.git.ancestors(common));
  return {
    ...body,
    id: issue.number,
    number: issue.number,
    title: issue.title,
    body: issue.body,
    state: issue.state,
    labels: labelsOf(state, issue),
    user: { ...(body['user'] as object), login: issue.author },
    head: side('head', pull.head, pull.headSha),
    base: side('base', pull.base, base),
    merged: pull.merged,
    merged_at: pull.merged ? '2026-11-03T00:00:00Z' : null,
    merge_commit_sha: pull.mergeSha,
    mergeable: issue.state === 'open' ? !state.hasConflict(issue) : null,
    mergeable_state: state.hasConflict(issue) ? 'dirty' : 'clean',
    auto_merge: null,
    requested_teams: [],
    commits: state.git.ancestors(pull.headSha).filter((sha) => !behind.has(sha)).length,
    changed_files: common === undefined ? 0 : state.git.changed(common, pull.headSha).size,
  };
}

function check(resource: string, title: unknown, body: unknown): void {
  const name = text(title);
  if (title !== undefined && (name === '' || name.length > maxTitle))
    throw invalid(resource, 'title', 'title is too long (maximum is 256 characters)');
  if (text(body).length > maxBody)
    throw invalid(resource, 'body', 'body is too long (maximum is 65536 characters)');
}

function issueAt(state: RepositoryState, number: string | undefined): Issue {
  const issue = state.issues.find((one) => one.number === Number(number));
  if (!issue) throw notFound();
  return issue;
}

function pullAt(state: RepositoryState, number: string | undefined): Issue & { pull: Pull } {
  const issue = issueAt(state, number);
  if (!issue.pull) throw notFound();
  return issue as Issue & { pull: Pull };
}

function openPull(state: RepositoryState, body: Record<string, unknown>, author: string) {
  check('PullRequest', body['title'], body['body']);
  const [head, base] = [text(body['head']).replace(/^[^:]*:/, ''), text(body['base'])];
  const [headSha, baseSha] = [head, base].map((branch) => state.refs.get(`heads/${branch}`));
  if (headSha === undefined) throw invalid('PullRequest', 'head', 'head is invalid', 'invalid');
  if (baseSha === undefined) throw invalid('PullRequest', 'base', 'base is invalid', 'invalid');
  if (state.git.ancestors(baseSha).includes(headSha))
    throw invalid('PullRequest', 'head', `No commits between ${base} and ${head}`);
  const isSame = ({ pull, state: own }: Issue & { pull: Pull }) =>
    own === 'open' && pull.head === head && pull.base === base;
  if (state.pulls.some((one) => isSame(one)))
    throw invalid('PullRequest', 'head', `A pull request already exists for ${state.owner}:${head}.`);
  const pull: Pull = { head, headSha, base, merged: false, mergeSha: null, autoMerge: false };
  return addIssue(state, { title: text(body['title']), body: text(body['body']), author, pull });
}

function addIssue(state: RepositoryState, fields: Partial<Issue>): Issue {
  const issue: Issue = {
    number: state.issues.length + 1,
    title: '',
    body: '',
    state: 'open',
    stateReason: null,
    labels: [],
    author: 'octocat',
    comments: [],
    ...fields,
  };
  state.issues.push(issue);
  return issue;
}

function edit(issue: Issue, body: Record<string, unknown>): void {
  check('Issue', body['title'], body['body']);
  if (body['title'] !== undefined) issue.title = text(body['title']);
  if (body['body'] !== undefined) issue.body = text(body['body']);
  if (body['state'] !== undefined) issue.state = body['state'] as Issue['state'];
  if (body['state_reason'] !== undefined) issue.stateReason = body['state_reason'] as string;
  if (body['labels'] !== undefined) issue.labels = namesIn(body['labels']);
}

const namesIn = (labels: unknown) =>
  (labels as (string | { name: string })[]).map((one) => (typeof one === 'string' ? one : one.name));

const isWanted = (state: string, query: URLSearchParams) =>
  ['all', state].includes(query.get('state') ?? 'open');

function merge(state: RepositoryState, issue: Issue & { pull: Pull }, body: Record<string, unknown>) {
  const { pull } = issue;
  if (issue.state !== 'open' || state.hasConflict(issue))
    throw new Refusal(405, 'Pull Request is not mergeable');
  if (body['sha'] !== undefined && body['sha'] !== pull.headSha)
    throw new Refusal(409, 'Head branch was modified. Review and try the merge again.');
  const base = state.refs.get(`heads/${pull.base}`)!;
  const changes = [...state.git.changed(state.git.mergeBase(base, pull.headSha)!, pull.headSha)];
  const tree = state.git.addTree(
    state.git.commits.get(base)!.tree,
    changes.map(([path, sha]) => ({ path, sha: sha ?? null })),
  );
  const parents = body['merge_method'] === 'squash' ? [base] : [base, pull.headSha];
  const sha = state.git.addCommit({ tree, parents, message: issue.title, date: '2026-11-03T00:00:00Z' });
  state.refs.set(`heads/${pull.base}`, sha);
  Object.assign(issue, { state: 'closed' });
  Object.assign(pull, { merged: true, mergeSha: sha });
  return { status: 200, body: { sha, merged: true, message: 'Pull Request successfully merged' } };
}

export const issueRoutes: ApiRoute[] = [
  {
    route: `GET ${at}/pulls`,
    needs: ['pull_requests', 'read'],
    handle: ({ query, description }, state) => {
      const [head, base] = [query.get('head'), query.get('base')];
      const found = state.pulls.filter(
        (one) =>
          isWanted(one.state, query) &&
          (head === null || head === `${state.owner}:${one.pull.head}`) &&
          (base === null || base === one.pull.base),
      );
      const sorted = found.toReversed();
      // The list has less of each than the pull request itself.
      const lists = pageOf(sorted, query).map((one) => pullBody(description, state, one));
      return { status: 200, body: lists };
    },
  },
  {
    route: `POST ${at}/pulls`,
    needs: ['pull_requests', 'write'],
    handle: ({ body, description, caller }, state) => {
      const issue = openPull(state, body, caller.login) as Issue & { pull: Pull };
      return { status: 201, body: pullBody(description, state, issue) };
    },
  },
  {
    route: `GET ${at}/pulls/{pull_number}`,
    needs: ['pull_requests', 'read'],
    handle: ({ params, description }, state) => ({
      status: 200,
      body: pullBody(description, state, pullAt(state, params['pull_number'])),
    }),
  },
  {
    route: `PATCH ${at}/pulls/{pull_number}`,
    needs: ['pull_requests', 'write'],
    handle: ({ params, body, description }, state) => {
      const issue = pullAt(state, params['pull_number']);
      edit(issue, body);
      if (body['base'] !== undefined) issue.pull.base = text(body['base']);
      return { status: 200, body: pullBody(description, state, issue) };
    },
  },
  {
    route: `PUT ${at}/pulls/{pull_number}/merge`,
    needs: ['contents', 'write'],
    handle: ({ params, body }, state) => merge(state, pullAt(state, params['pull_number']), body),
  },
  {
    route: `GET ${at}/issues`,
    needs: ['issues', 'read'],
    handle: ({ query, description }, state) => {
      const wanted = (query.get('labels') ?? '').split(',').filter(Boolean);
      const creator = query.get('creator');
      const found = state.issues.filter(
        (one) =>
          isWanted(one.state, query) &&
          wanted.every((name) => one.labels.includes(name)) &&
          (creator === null || creator === one.author),
      );
      const page = pageOf(found.toReversed(), query);
      return { status: 200, body: page.map((one) => issueBody(description, state, one)) };
    },
  },
  {
    route: `POST ${at}/issues`,
    needs: ['issues', 'write'],
    handle: ({ body, description, caller }, state) => {
      check('Issue', body['title'], body['body']);
      const labels = namesIn(body['labels'] ?? []);
      const fields = { title: text(body['title']), body: text(body['body']), labels, author: caller.login };
      return { status: 201, body: issueBody(description, state, addIssue(state, fields)) };
    },
  },
  {
    route: `PATCH ${at}/issues/{issue_number}`,
    needs: ['issues', 'write'],
    handle: ({ params, body, description }, state) => {
      const issue = issueAt(state, params['issue_number']);
      edit(issue, body);
      return { status: 200, body: issueBody(description, state, issue) };
    },
  },
  {
    route: `POST ${at}/issues/{issue_number}/comments`,
    needs: ['issues', 'write'],
    handle: ({ params, body, description }, state) => {
      check('IssueComment', undefined, body['body']);
      issueAt(state, params['issue_number']).comments.push(text(body['body']));
      return { status: 201, body: { ...description.example('issue-comment'), body: body['body'] } };
    },
  },
  {
    route: `PUT ${at}/issues/{issue_number}/labels`,
    needs: ['issues', 'write'],
    orNeeds: ['pull_requests', 'write'],
    handle: ({ params, body }, state) => {
      const issue = issueAt(state, params['issue_number']);
      issue.labels = namesIn(body['labels'] ?? []);
      return { status: 200, body: labelsOf(state, issue) };
    },
  },
  {
    route: `POST ${at}/issues/{issue_number}/labels`,
    needs: ['issues', 'write'],
    orNeeds: ['pull_requests', 'write'],
    handle: ({ params, body }, state) => {
      const issue = issueAt(state, params['issue_number']);
      issue.labels = [...new Set([...issue.labels, ...namesIn(body['labels'] ?? [])])];
      return { status: 200, body: labelsOf(state, issue) };
    },
  },
  {
    route: `GET ${at}/labels`,
    needs: ['issues', 'read'],
    handle: ({ query }, { labels }) => ({
      status: 200,
      body: pageOf(labels, query).map((one) => labelBody(one)),
    }),
  },
  {
    route: `POST ${at}/labels`,
    needs: ['issues', 'write'],
    handle: ({ body }, state) => {
      const name = text(body['name']);
      if (name === '' || name.length > 50) throw invalid('Label', 'name', 'name is invalid', 'invalid');
      if (state.labels.some((one) => one.name === name))
        throw invalid('Label', 'name', 'already exists', 'already_exists');
      const label = ensureLabel(state, name);
      Object.assign(label, { color: text(body['color'], 'ededed'), description: text(body['description']) });
      return { status: 201, body: labelBody(label) };
    },
  },
];
