/** Releases with their assets, statuses of commits, and check runs of the stand-in. */
import { createHash } from 'node:crypto';
import type { Description } from './description.ts';
import { invalid, notFound, pageOf, Refusal, text, type ApiRoute } from './exchange.ts';
import type { Asset, CheckRun, Release, RepositoryState, Status } from './repository-state.ts';

const at = '/repos/{owner}/{repo}';
const maxNotes = 125_000;

const assetBody = (description: Description, { id, name, contentType, content }: Asset) => ({
  ...description.example('release-asset'),
  id,
  name,
  content_type: contentType,
  size: content.length,
  state: 'uploaded',
  digest: `sha256:${createHash('sha256').update(content).digest('hex')}`,
});

const releaseBody = (description: Description, release: Release) => ({
  ...description.example('release'),
  id: release.id,
  tag_name: release.tag,
  target_commitish: release.target,
  name: release.name,
  body: release.body,
  draft: release.draft,
  prerelease: release.prerelease,
  assets: release.assets.map((one) => assetBody(description, one)),
});

function releaseAt({ releases }: RepositoryState, id: string | undefined): Release {
  const release = releases.find((one) => one.id === Number(id));
  if (!release) throw notFound();
  return release;
}

function editRelease(state: RepositoryState, release: Release, body: Record<string, unknown>): void {
  if (text(body['body']).length > maxNotes)
    throw invalid('Release', 'body', 'body is too long (maximum is 125000 characters)');
  const tag = text(body['tag_name'], release.tag);
  if (state.releases.some((one) => one !== release && one.tag === tag))
    throw invalid('Release', 'tag_name', 'already exists', 'already_exists');
  Object.assign(release, {
    tag,
    target: text(body['target_commitish'], release.target),
    name: text(body['name'], release.name),
    body: text(body['body'], release.body),
    draft: body['draft'] ?? release.draft,
    prerelease: body['prerelease'] ?? release.prerelease,
  });
}

const statusBody = (description: Description, status: Status) => ({
  ...description.example('status'),
  id: status.id,
  state: status.state,
  context: status.context,
  description: status.description,
  target_url: status.targetUrl,
});

function checkBody(description: Description, run: CheckRun) {
  const body = description.example('check-run');
  return {
    ...body,
    id: run.id,
    name: run.name,
    head_sha: run.headSha,
    external_id: run.externalId,
    status: run.status,
    conclusion: run.conclusion,
    completed_at: run.conclusion === null ? null : '2026-11-02T00:10:00Z',
    details_url: run.detailsUrl,
    output: { ...(body['output'] as object), ...run.output },
  };
}

function editCheck(run: CheckRun, body: Record<string, unknown>): void {
  const output = body['output'] as Partial<CheckRun['output']> | undefined;
  Object.assign(run, {
    name: text(body['name'], run.name),
    externalId: text(body['external_id'], run.externalId),
    conclusion: body['conclusion'] ?? run.conclusion,
    status: body['conclusion'] === undefined ? text(body['status'], run.status) : 'completed',
    output: { ...run.output, ...output },
    detailsUrl: body['details_url'] ?? run.detailsUrl,
  });
}

export const releaseRoutes: ApiRoute[] = [
  {
    route: `GET ${at}/releases`,
    needs: ['contents', 'read'],
    handle: ({ query, description }, { releases }) => ({
      status: 200,
      body: pageOf(releases.toReversed(), query).map((one) => releaseBody(description, one)),
    }),
  },
  {
    route: `GET ${at}/releases/tags/{tag}`,
    needs: ['contents', 'read'],
    handle: ({ params, description }, { releases }) => {
      const release = releases.find(({ tag, draft }) => tag === params['tag'] && !draft);
      if (!release) throw notFound();
      return { status: 200, body: releaseBody(description, release) };
    },
  },
  {
    route: `POST ${at}/releases`,
    needs: ['contents', 'write'],
    handle: ({ body, description }, state) => {
      const [name, notes, target] = ['', '', state.defaultBranch];
      const fields = { tag: '', target, name, body: notes, draft: false, prerelease: false };
      const release: Release = { id: state.nextId(), ...fields, assets: [] };
      editRelease(state, release, body);
      if (!release.draft && !state.refs.has(`tags/${release.tag}`)) {
        const head = state.refs.get(`heads/${release.target}`) ?? release.target;
        if (!state.git.commits.has(head))
          throw invalid('Release', 'target_commitish', 'target_commitish is invalid', 'invalid');
        state.refs.set(`tags/${release.tag}`, head);
      }
      state.releases.push(release);
      return { status: 201, body: releaseBody(description, release) };
    },
  },
  {
    route: `PATCH ${at}/releases/{release_id}`,
    needs: ['contents', 'write'],
    handle: ({ params, body, description }, state) => {
      const release = releaseAt(state, params['release_id']);
      editRelease(state, release, body);
      return { status: 200, body: releaseBody(description, release) };
    },
  },
  {
    route: `GET ${at}/releases/{release_id}/assets`,
    needs: ['contents', 'read'],
    handle: ({ params, query, description }, state) => {
      const { assets } = releaseAt(state, params['release_id']);
      return { status: 200, body: pageOf(assets, query).map((one) => assetBody(description, one)) };
    },
  },
  {
    route: `POST ${at}/releases/{release_id}/assets`,
    needs: ['contents', 'write'],
    handle: ({ params, query, raw, contentType, description }, state) => {
      const { assets } = releaseAt(state, params['release_id']);
      const name = query.get('name')!;
      // The description has no body for this 422.
      if (assets.some((one) => one.name === name)) throw new Refusal(422, '');
      const asset = { id: state.nextId(), name, contentType, content: raw };
      assets.push(asset);
      return { status: 201, body: assetBody(description, asset) };
    },
  },
  {
    route: `DELETE ${at}/releases/assets/{asset_id}`,
    needs: ['contents', 'write'],
    handle: ({ params }, { releases }) => {
      for (const release of releases) {
        const kept = release.assets.filter(({ id }) => id !== Number(params['asset_id']));
        if (kept.length === release.assets.length) continue;
        release.assets = kept;
        return { status: 204 };
      }
      throw notFound();
    },
  },
  {
    route: `GET ${at}/commits/{ref}/statuses`,
    needs: ['statuses', 'read'],
    handle: ({ params, query, description }, { statuses }) => {
      const found = statuses.filter(({ sha }) => sha === params['ref']).toReversed();
      return { status: 200, body: pageOf(found, query).map((one) => statusBody(description, one)) };
    },
  },
  {
    route: `GET ${at}/commits/{ref}/status`,
    needs: ['statuses', 'read'],
    handle: ({ params, query, description }, { statuses }) => {
      const own = statuses.filter(({ sha }) => sha === params['ref']);
      const newest = [...new Map(own.map((one) => [one.context, one])).values()];
      const page = pageOf(newest, query).map((one) => statusBody(description, one));
      const body = description.example('combined-commit-status');
      return { status: 200, body: { ...body, total_count: newest.length, statuses: page } };
    },
  },
  {
    route: `POST ${at}/statuses/{sha}`,
    needs: ['statuses', 'write'],
    handle: ({ params, body, description }, state) => {
      const { sha } = params as { sha: string };
      if (!state.git.commits.has(sha)) throw new Refusal(422, `No commit found for SHA: ${sha}`);
      if (text(body['description']).length > 140)
        throw invalid('Status', 'description', 'description is too long (maximum is 140 characters)');
      const status = {
        id: state.nextId(),
        sha,
        state: text(body['state']),
        context: text(body['context'], 'default'),
        description: (body['description'] as string | undefined) ?? null,
        targetUrl: (body['target_url'] as string | undefined) ?? null,
      };
      state.statuses.push(status);
      return { status: 201, body: statusBody(description, status) };
    },
  },
  {
    route: `GET ${at}/commits/{ref}/check-runs`,
    needs: ['checks', 'read'],
    handle: ({ params, query, description }, { checkRuns }) => {
      const name = query.get('check_name');
      const found = checkRuns.filter(
        (one) => one.headSha === params['ref'] && (name === null || name === one.name),
      );
      const runs = pageOf(found.toReversed(), query).map((one) => checkBody(description, one));
      return { status: 200, body: { total_count: found.length, check_runs: runs } };
    },
  },
  {
    route: `POST ${at}/check-runs`,
    needs: ['checks', 'write'],
    handle: ({ body, description, caller }, state) => {
      if (caller.kind !== 'installation') throw new Refusal(403, 'You must authenticate via a GitHub App.');
      const sha = text(body['head_sha']);
      if (!state.git.commits.has(sha)) throw new Refusal(422, `No commit found for SHA: ${sha}`);
      const empty = { title: null, summary: null, text: null };
      const run: CheckRun = {
        id: state.nextId(),
        name: '',
        headSha: sha,
        externalId: '',
        status: 'queued',
        conclusion: null,
        output: empty,
        detailsUrl: null,
      };
      editCheck(run, body);
      state.checkRuns.push(run);
      return { status: 201, body: checkBody(description, run) };
    },
  },
  {
    route: `PATCH ${at}/check-runs/{check_run_id}`,
    needs: ['checks', 'write'],
    handle: ({ params, body, description }, { checkRuns }) => {
      const run = checkRuns.find(({ id }) => id === Number(params['check_run_id']));
      if (!run) throw notFound();
      editCheck(run, body);
      return { status: 200, body: checkBody(description, run) };
    },
  },
];
