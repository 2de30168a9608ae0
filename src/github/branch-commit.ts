/** The one commit of a proposal's branch: whether it is there as it should be, and how it is made. */
import type { Github } from './github-api.ts';
import { refSchema, shaAnswer } from './git-answers.ts';
import { blobSha, type GitReader } from './git-reader.ts';

/** The default branch as it is now. */
export interface BaseCommit {
  branch: string;
  sha: string;
}

export interface WantedCommit {
  branch: string;
  message: string;
  /** Content by path in the repository; null for a file that is not to be there; undefined for one as in the base. */
  files: ReadonlyMap<string, string | null | undefined>;
}

/**
 * Whether the branch already says what is wanted, on a base whose own files are today's. A lock that was changed on the
 * default branch since would conflict with the branch.
 */
export async function isCurrent(
  reader: GitReader,
  base: BaseCommit,
  head: string,
  { files }: WantedCommit,
): Promise<boolean> {
  const { parents } = await reader.commit(head);
  const [parent] = parents;
  if (parents.length !== 1 || !parent) return false;
  for (const [path, content] of files) {
    const [there, before, now] = await Promise.all([
      reader.blobAt(head, path),
      reader.blobAt(parent.sha, path),
      reader.blobAt(base.sha, path),
    ]);
    if (before !== now || there !== wantedSha(content, now)) return false;
  }
  return true;
}

function wantedSha(content: string | null | undefined, inBase: string | undefined): string | undefined {
  if (content === undefined) return inBase;
  return content === null ? undefined : blobSha(content);
}

/** Makes the commit and puts the branch on it; returns its digest. `isNew`: there is no such branch yet. */
export async function commitFiles(
  github: Github,
  reader: GitReader,
  base: BaseCommit,
  { branch, message, files }: WantedCommit,
  isNew: boolean,
): Promise<string> {
  const changes: { path: string; mode: '100644'; type: 'blob'; sha: string | null }[] = [];
  for (const [path, content] of files) {
    const there = await reader.blobAt(base.sha, path);
    if (wantedSha(content, there) === there) continue;
    const sha = content === null || content === undefined ? null : await addBlob(github, content);
    changes.push({ path, mode: '100644', type: 'blob', sha });
  }
  const { tree: baseTree } = await reader.commit(base.sha);
  const tree = await github.ask(shaAnswer, ({ rest }, at) =>
    rest.git.createTree({ ...at, base_tree: baseTree.sha, tree: changes }),
  );
  const commit = await github.ask(shaAnswer, ({ rest }, at) =>
    rest.git.createCommit({ ...at, message, tree: tree.sha, parents: [base.sha] }),
  );
  await github.ask(refSchema, ({ rest }, at) =>
    isNew
      ? rest.git.createRef({ ...at, ref: `refs/heads/${branch}`, sha: commit.sha })
      : rest.git.updateRef({ ...at, ref: `heads/${branch}`, sha: commit.sha, force: true }),
  );
  return commit.sha;
}

async function addBlob(github: Github, content: string): Promise<string> {
  const blob = await github.ask(shaAnswer, ({ rest }, at) =>
    rest.git.createBlob({ ...at, content: Buffer.from(content).toString('base64'), encoding: 'base64' }),
  );
  return blob.sha;
}
