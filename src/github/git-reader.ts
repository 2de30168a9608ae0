/** Reads commits and trees of a repository on GitHub, each once. Files are compared by git's own digest of them. */
import { createHash } from 'node:crypto';
import type { z } from 'zod';
import { commitSchema, treeSchema } from './git-answers.ts';
import type { Github } from './github-api.ts';

type Commit = z.output<typeof commitSchema>;
type Tree = z.output<typeof treeSchema>;

export class GitReader {
  readonly #github: Github;
  readonly #commits = new Map<string, Promise<Commit>>();
  readonly #trees = new Map<string, Promise<Tree>>();

  constructor(github: Github) {
    this.#github = github;
  }

  commit(sha: string): Promise<Commit> {
    const reading =
      this.#commits.get(sha) ??
      this.#github.ask(commitSchema, ({ rest }, at) => rest.git.getCommit({ ...at, commit_sha: sha }));
    this.#commits.set(sha, reading);
    return reading;
  }

  /** Digest of a file as a blob of git; undefined if the commit has no such file. */
  async blobAt(commit: string, path: string): Promise<string | undefined> {
    const names = path.split('/');
    let tree = (await this.commit(commit)).tree.sha;
    for (const [index, name] of names.entries()) {
      const isLast = index === names.length - 1;
      const type = isLast ? 'blob' : 'tree';
      const entry = (await this.#tree(tree)).tree.find((one) => one.path === name && one.type === type);
      if (!entry) return undefined;
      tree = entry.sha;
    }
    return tree;
  }

  #tree(sha: string): Promise<Tree> {
    const reading =
      this.#trees.get(sha) ??
      this.#github.ask(treeSchema, ({ rest }, at) => rest.git.getTree({ ...at, tree_sha: sha }));
    this.#trees.set(sha, reading);
    return reading;
  }
}

/** As git names the content of a file. */
export function blobSha(content: string): string {
  const bytes = Buffer.from(content);
  return createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex');
}
