/** init: a first recipe, with its repositories, to change rather than to write. */
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { MillinerError } from '../errors.ts';
import { writeFileAtomic } from '../host/atomic.ts';
import { recipeSchema } from '../recipe/schema.ts';

export interface InitOptions {
  directory: string;
  name: string;
  release: string;
}

/** Gives the files that it wrote; never writes over one. Throws USAGE for a name that no recipe may have, OUTPUT_UNUSABLE. */
export async function initialise({ directory, name, release }: InitOptions): Promise<string[]> {
  refuseUnfit({ name, release });
  const recipes = join(directory, 'recipes');
  const files: [string, string][] = [
    [join(recipes, `${name}.yaml`), recipeText(name, release)],
    [join(recipes, 'repos.yaml'), repositoriesText],
  ];
  const recipe = files[0]![0];
  if (existsSync(recipe)) {
    throw new MillinerError('OUTPUT_UNUSABLE', `${recipe} is there already`, {
      hint: 'Choose another name.',
    });
  }
  await mkdir(recipes, { recursive: true });
  await mkdir(join(directory, 'templates'), { recursive: true });
  const written: string[] = [];
  for (const [path, text] of files) {
    if (existsSync(path)) continue;
    await writeFileAtomic(path, text);
    written.push(path);
  }
  return written;
}

/** The name becomes that of a file. */
function refuseUnfit(words: { name: string; release: string }): void {
  const { error } = recipeSchema.pick({ name: true, release: true }).safeParse(words);
  const issue = error?.issues[0];
  if (issue) throw new MillinerError('USAGE', `${issue.path.join('.')}: ${issue.message}`);
}

function recipeText(name: string, release: string): string {
  return `name: ${name}
release: ${JSON.stringify(release)}
repos: [fedora, updates]
packages: [bash, coreutils-single, glibc-minimal-langpack, systemd, rpm]
weakDeps: false
docs: false
config:
  cmd: [/usr/sbin/init]
  stopSignal: SIGRTMIN+3
test:
  init: true
  ready: { unit: multi-user.target, timeout: 60s }
`;
}

const repositoriesText = `# Where packages come from; a recipe names these. Keys are files, relative to this one.
repos:
  - name: fedora
    metalink: https://mirrors.fedoraproject.org/metalink?repo=fedora-$releasever&arch=$basearch
    keys: [/etc/pki/rpm-gpg/RPM-GPG-KEY-fedora]
  - name: updates
    metalink: https://mirrors.fedoraproject.org/metalink?repo=updates-released-f$releasever&arch=$basearch
    keys: [/etc/pki/rpm-gpg/RPM-GPG-KEY-fedora]
`;
