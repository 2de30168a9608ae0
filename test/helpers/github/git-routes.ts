/** The git data API of the stand-in: refs, blobs, trees, commits. */
import type { RepositoryState } from './repository-state.ts';
import { invalid, notFound, Refusal, text, type ApiRoute } from './exchange.ts';

const at = '/repos/{owner}/{repo}';
const api = 'https://api.github.com/repos/o/r/git';

const refBody = (ref: string, sha: string) => ({
  ref: `refs/${ref}`,
  node_id: 'MDM6UmVm',
  url: `${api}/refs/${ref}`,
  object: { type: 'commit', sha, url: `${api}/commits/${sha}` },
});

function treeBody({ git }: RepositoryState, sha: string, recursive: boolean) {
  const entries = recursive ? [...git.files(sha).values()] : git.trees.get(sha)!;
  const tree = entries.map(({ path, mode, type, sha: own }) => ({
    path,
    mode,
    type,
    sha: own,
    url: `${api}/${type}s/${own}`,
    ...(type === 'blob' && { size: git.blobs.get(own)?.length ?? 0 }),
  }));
  return { sha, url: `${api}/trees/${sha}`, tree, truncated: false };
}

function commitBody({ git }: RepositoryState, sha: string) {
  const { tree, parents, message, date } = git.commits.get(sha)!;
  const person = { name: 'Stand-in', email: 'stand-in@example.com', date };
  return {
    sha,
    node_id: 'MDY6Q29tbWl0',
    url: `${api}/commits/${sha}`,
    html_url: `https://github.com/o/r/commit/${sha}`,
    author: person,
    committer: person,
    message,
    tree: { sha: tree, url: `${api}/trees/${tree}` },
    parents: parents.map((one) => ({ sha: one, url: `${api}/commits/${one}`, html_url: `${api}/${one}` })),
    verification: { verified: false, reason: 'unsigned', signature: null, payload: null, verified_at: null },
  };
}

/** GitHub closes the pull requests of a branch that is deleted, and moves those of one that is pushed to. */
function followRef(state: RepositoryState, ref: string, sha: string | undefined): void {
  for (const issue of state.pulls) {
    if (`heads/${issue.pull.head}` !== ref || issue.state !== 'open') continue;
    if (sha === undefined) issue.state = 'closed';
    else issue.pull.headSha = sha;
  }
}

interface TreeChange {
  path: string;
  mode: string;
  sha?: string | null;
  content?: string;
}

export const gitRoutes: ApiRoute[] = [
  {
    route: `GET ${at}/git/ref/{ref}`,
    needs: ['contents', 'read'],
    handle: ({ params: { ref } }, { refs }) => {
      const sha = refs.get(ref!);
      if (sha === undefined) throw notFound();
      return { status: 200, body: refBody(ref!, sha) };
    },
  },
  {
    route: `GET ${at}/git/matching-refs/{ref}`,
    needs: ['contents', 'read'],
    handle: ({ params: { ref } }, { refs }) => {
      const found = [...refs]
        .filter(([name]) => name.startsWith(ref!))
        .toSorted(([a], [b]) => (a < b ? -1 : 1));
      return { status: 200, body: found.map(([name, sha]) => refBody(name, sha)) };
    },
  },
  {
    route: `POST ${at}/git/refs`,
    needs: ['contents', 'write'],
    handle: ({ body }, state) => {
      const [ref, sha] = [text(body['ref']), text(body['sha'])];
      if (!/^refs\/(?:heads|tags)\/.+/.test(ref)) throw new Refusal(422, 'Reference name is invalid');
      if (!state.git.commits.has(sha)) throw new Refusal(422, 'Object does not exist');
      const name = ref.replace(/^refs\//, '');
      if (state.refs.has(name)) throw new Refusal(422, 'Reference already exists');
      state.refs.set(name, sha);
      return { status: 201, body: refBody(name, sha) };
    },
  },
  {
    route: `PATCH ${at}/git/refs/{ref}`,
    needs: ['contents', 'write'],
    handle: ({ params: { ref }, body }, state) => {
      const [sha, before] = [text(body['sha']), state.refs.get(ref!)];
      if (before === undefined) throw new Refusal(422, 'Reference does not exist');
      if (!state.git.commits.has(sha)) throw new Refusal(422, 'Object does not exist');
      if (body['force'] !== true && !state.git.ancestors(sha).includes(before))
        throw new Refusal(422, 'Update is not a fast forward');
      state.refs.set(ref!, sha);
      followRef(state, ref!, sha);
      return { status: 200, body: refBody(ref!, sha) };
    },
  },
  {
    route: `DELETE ${at}/git/refs/{ref}`,
    needs: ['contents', 'write'],
    handle: ({ params: { ref } }, state) => {
      if (!state.refs.delete(ref!)) throw new Refusal(422, 'Reference does not exist');
      followRef(state, ref!, undefined);
      return { status: 204 };
    },
  },
  {
    route: `POST ${at}/git/blobs`,
    needs: ['contents', 'write'],
    handle: ({ body }, { git }) => {
      const encoding = body['encoding'] === 'base64' ? 'base64' : 'utf8';
      const sha = git.addBlob(Buffer.from(text(body['content']), encoding));
      return { status: 201, body: { url: `${api}/blobs/${sha}`, sha } };
    },
  },
  {
    route: `GET ${at}/git/trees/{tree_sha}`,
    needs: ['contents', 'read'],
    handle: ({ params, query }, state) => {
      const { tree_sha: sha } = params as { tree_sha: string };
      const tree = state.git.commits.get(sha)?.tree ?? sha;
      if (!state.git.trees.has(tree)) throw notFound();
      return { status: 200, body: treeBody(state, tree, query.has('recursive')) };
    },
  },
  {
    route: `POST ${at}/git/trees`,
    needs: ['contents', 'write'],
    handle: ({ body }, state) => {
      const { git } = state;
      const base = body['base_tree'] as string | undefined;
      if (base !== undefined && !git.trees.has(base)) throw notFound();
      const changes = (body['tree'] as TreeChange[]).map(({ path, mode, sha, content }) => ({
        path,
        mode,
        sha: content === undefined ? (sha ?? null) : git.addBlob(content),
      }));
      const lost = changes.find(({ sha }) => sha !== null && !git.blobs.has(sha));
      if (lost) throw invalid('Tree', 'sha', 'tree.sha is not a blob');
      return { status: 201, body: treeBody(state, git.addTree(base, changes), false) };
    },
  },
  {
    route: `POST ${at}/git/commits`,
    needs: ['contents', 'write'],
    handle: ({ body }, state) => {
      const { git } = state;
      const [tree, parents] = [text(body['tree']), (body['parents'] ?? []) as string[]];
      if (!git.trees.has(tree)) throw invalid('Commit', 'tree', 'Tree SHA does not exist');
      if (parents.some((one) => !git.commits.has(one))) throw invalid('Commit', 'parents', 'no such parent');
      const sha = git.addCommit({
        tree,
        parents,
        message: text(body['message']),
        date: '2026-11-02T00:00:00Z',
      });
      return { status: 201, body: commitBody(state, sha) };
    },
  },
  {
    route: `GET ${at}/git/commits/{commit_sha}`,
    needs: ['contents', 'read'],
    handle: ({ params }, state) => {
      const { commit_sha: sha } = params as { commit_sha: string };
      if (!state.git.commits.has(sha)) throw notFound();
      return { status: 200, body: commitBody(state, sha) };
    },
  },
];
