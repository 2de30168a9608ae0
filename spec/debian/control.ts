/** The control paragraph of a .deb. */
import { run } from '../../src/lib/host/exec.ts';
import type { Deb } from './archive.ts';

export interface Control {
  deb: Deb;
  package: string;
  version: string;
  architecture: string;
  source: string;
  /** Every field, its continuation lines included, by its name in lower case. */
  fields: ReadonlyMap<string, string>;
  conffiles: ReadonlySet<string>;
}

export async function readControl(deb: Deb): Promise<Control> {
  const { stdout } = await run('dpkg-deb', ['--field', deb.path]);
  const fields = parseParagraph(stdout);
  const field = (name: string) => {
    const value = fields.get(name);
    if (value === undefined) throw new Error(`${deb.path} has no field ${name}`);
    return value;
  };
  const name = field('package');
  return {
    deb,
    package: name,
    version: field('version'),
    architecture: field('architecture'),
    source: (fields.get('source') ?? name).replace(/ \(.*/, ''),
    fields,
    conffiles: await readConffiles(deb),
  };
}

function parseParagraph(text: string): Map<string, string> {
  const fields = new Map<string, string>();
  for (const match of text.matchAll(/^([A-Za-z0-9-]+):[ \t]*(.*(?:\n[ \t].*)*)/gm)) {
    fields.set((match[1] ?? '').toLowerCase(), match[2] ?? '');
  }
  return fields;
}

async function readConffiles(deb: Deb): Promise<Set<string>> {
  const result = await run('dpkg-deb', ['--info', deb.path, 'conffiles'], { allow: [0, 2] });
  // "remove-on-upgrade PATH" names a file that the package no longer has.
  return new Set(result.stdout.split('\n').filter((line) => line.startsWith('/')));
}
