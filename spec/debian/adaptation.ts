/**
 * What Debian's maintainer scripts would have done, as parts of a spec: packages/NAME.spec adds to the spec of
 * the binary package NAME. Its sections:
 *   %drop        dependencies not taken over, `*` for all
 *   %preamble    further tags
 *   %sysusers    sysusers.d(5) lines that the .deb lacks: a file of its own, and rpm's provides for it
 *   %install     run in the build root after the .deb is unpacked
 *   %files       further files; a line for a path that the .deb has replaces the generated one
 *   any scriptlet or trigger, without -n NAME
 */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

export interface Adaptation {
  drop: ReadonlySet<string>;
  preamble: string[];
  sysusers: string[];
  install: string[];
  files: string[];
  scriptlets: Scriptlet[];
}

export interface Scriptlet {
  /** Such as %post. */
  name: string;
  /** What follows it on its line: an interpreter, a priority, trigger paths. */
  options: string;
  body: string[];
}

const directory = join(import.meta.dirname, 'packages');
const section =
  /^(%(?:drop|preamble|sysusers|install|files|pre|post|preun|postun|pretrans|posttrans|triggerin|triggerun|filetriggerin|transfiletriggerin|transfiletriggerpostun))(?:\s+(.*))?$/;

export async function readAdaptation(name: string): Promise<Adaptation> {
  const result: Adaptation = {
    drop: new Set(),
    preamble: [],
    sysusers: [],
    install: [],
    files: [],
    scriptlets: [],
  };
  const path = join(directory, `${name}.spec`);
  if (!existsSync(path)) return result;
  for (const part of splitSections(await readFile(path, 'utf8'), path)) {
    if (part.name === '%drop') result.drop = new Set(part.body.join(' ').split(/\s+/).filter(Boolean));
    else if (part.name === '%preamble') result.preamble.push(...part.body);
    else if (part.name === '%sysusers') addSysusers(result, name, part.body);
    else if (part.name === '%install') result.install.push(...part.body);
    else if (part.name === '%files') result.files.push(...part.body);
    else result.scriptlets.push(part);
  }
  return result;
}

function addSysusers(result: Adaptation, name: string, lines: string[]): void {
  const path = `usr/lib/sysusers.d/${name}.conf`;
  result.sysusers.push(...lines);
  result.install.push('mkdir -p usr/lib/sysusers.d', `cat >${path} <<'END'`, ...lines, 'END');
  result.files.push(`%attr(0644, root, root) "/${path}"`);
}

function splitSections(text: string, path: string): Scriptlet[] {
  const scriptlets: Scriptlet[] = [];
  for (const line of text.split('\n')) {
    const match = section.exec(line);
    if (match?.[1]) scriptlets.push({ name: match[1], options: match[2] ?? '', body: [] });
    else if (scriptlets.length > 0) scriptlets.at(-1)?.body.push(line);
    else if (line && !line.startsWith('#'))
      throw new Error(`${path}: text before the first section: ${line}`);
  }
  for (const part of scriptlets) while (part.body.at(-1) === '') part.body.pop();
  return scriptlets;
}
