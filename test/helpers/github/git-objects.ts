/** Git's objects as GitHub keeps them: named by SHA-1, in git's own form. */
import { createHash } from 'node:crypto';

export interface TreeEntry {
  path: string;
  mode: string;
  type: 'blob' | 'tree' | 'commit';
  sha: string;
}

export interface Commit {
  sha: string;
  tree: string;
  parents: string[];
  message: string;
  date: string;
}

const hash = (type: string, content: Buffer) =>
  createHash('sha1').update(`${type} ${content.length}\0`).update(content).digest('hex');

export class GitObjects {
  readonly blobs = new Map<string, Buffer>();
  readonly trees = new Map<string, TreeEntry[]>();
  readonly commits = new Map<string, Commit>();

  addBlob(content: Buffer | string): string {
    const bytes = Buffer.from(content as string);
    const sha = hash('blob', bytes);
    this.blobs.set(sha, bytes);
    return sha;
  }

  /** A tree of the files of another with some of them replaced, or removed where their sha is null. */
  addTree(
    base: string | undefined,
    changes: readonly { path: string; mode?: string; sha: string | null }[],
  ): string {
    const files = base === undefined ? new Map<string, TreeEntry>() : this.files(base);
    for (const { path, mode = '100644', sha } of changes) {
      if (sha === null) files.delete(path);
      else files.set(path, { path, mode, type: 'blob', sha });
    }
    return this.#writeTree([...files.values()]);
  }

  #writeTree(files: readonly TreeEntry[]): string {
    const groups = Map.groupBy(files, ({ path }) => path.split('/')[0]!);
    const entries = [...groups].map(([name, own]): TreeEntry => {
      if (own[0]!.path === name) return own[0]!;
      const inside = own.map((one) => ({ ...one, path: one.path.slice(name.length + 1) }));
      return { path: name, mode: '040000', type: 'tree', sha: this.#writeTree(inside) };
    });
    const sortKey = ({ path, type }: TreeEntry) => (type === 'tree' ? `${path}/` : path);
    entries.sort((a, b) => (sortKey(a) < sortKey(b) ? -1 : 1));
    const content = entries.map(({ mode, path, sha }) =>
      Buffer.concat([Buffer.from(`${mode.replace(/^0/, '')} ${path}\0`), Buffer.from(sha, 'hex')]),
    );
    const sha = hash('tree', Buffer.concat(content));
    this.trees.set(sha, entries);
    return sha;
  }

  addCommit(fields: Omit<Commit, 'sha'>): string {
    const { tree, parents, message, date } = fields;
    const seconds = Math.floor(Date.parse(date) / 1000);
    const person = `Stand-in <stand-in@example.com> ${seconds} +0000`;
    const lines = [
      `tree ${tree}`,
      ...parents.map((parent) => `parent ${parent}`),
      `author ${person}`,
      `committer ${person}`,
      '',
      message,
    ];
    const sha = hash('commit', Buffer.from(lines.join('\n')));
    this.commits.set(sha, { sha, ...fields });
    return sha;
  }

  /** Every file of a tree, by path. */
  files(tree: string): Map<string, TreeEntry> {
    const found = new Map<string, TreeEntry>();
    for (const entry of this.trees.get(tree) ?? []) {
      if (entry.type !== 'tree') found.set(entry.path, entry);
      else
        for (const [path, one] of this.files(entry.sha))
          found.set(`${entry.path}/${path}`, { ...one, path: `${entry.path}/${path}` });
    }
    return found;
  }

  /** A commit and all before it, itself first. */
  ancestors(sha: string): string[] {
    const seen = new Set<string>();
    const queue = [sha];
    for (let at = queue.shift(); at !== undefined; at = queue.shift()) {
      if (seen.has(at)) continue;
      seen.add(at);
      queue.push(...(this.commits.get(at)?.parents ?? []));
    }
    return [...seen];
  }

  mergeBase(one: string, other: string): string | undefined {
    const theirs = new Set(this.ancestors(other));
    return this.ancestors(one).find((sha) => theirs.has(sha));
  }

  /** Paths that differ between two commits. */
  changed(from: string, to: string): Map<string, string | undefined> {
    const [before, after] = [from, to].map((sha) => this.files(this.commits.get(sha)!.tree));
    const paths = new Set([...before!.keys(), ...after!.keys()]);
    return new Map(
      [...paths]
        .filter((path) => before!.get(path)?.sha !== after!.get(path)?.sha)
        .map((path) => [path, after!.get(path)?.sha]),
    );
  }
}
