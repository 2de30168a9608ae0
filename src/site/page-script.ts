/**
 * Makes classic scripts of our modules: a browser loads no module from file://. The modules of a page are joined in the
 * order given, in one function, so that they share their names and nothing else can see them.
 */
import { readFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { extname } from 'node:path';

/** The compiled program has JavaScript beside this file, a checkout TypeScript. */
const extension = extname(import.meta.filename);

/** @param modules paths below src, without their extension */
export function classicScript(modules: readonly string[]): string {
  return `(() => {\n'use strict';\n${modules.map(moduleBody).join('\n')}\n})();\n`;
}

function moduleBody(module: string): string {
  const source = readFileSync(new URL(`../${module}${extension}`, import.meta.url), 'utf8');
  const script = extension === '.ts' ? stripTypeScriptTypes(source) : source;
  const body = script
    .replaceAll(/^import\s[^;]*;$/gm, '')
    .replaceAll(/^export (?=(?:async )?(?:function|const|class)\b)/gm, '')
    .replaceAll(/^export \{\};$/gm, '')
    .replaceAll(/^\/\/[/#].*$/gm, '');
  if (/^(?:import|export)\b/m.test(body)) throw new Error(`${module} cannot be joined to a classic script`);
  return body.replaceAll(/^\s*\n/gm, '');
}

/** A file of data: a page cannot fetch JSON from file://. */
export function dataScript(name: string, value: unknown): string {
  // A browser takes both for line ends in old versions of the language.
  const json = JSON.stringify(value)
    .replaceAll('\u2028', String.raw`\u2028`)
    .replaceAll('\u2029', String.raw`\u2029`);
  return `(globalThis.millinerData ??= {})[${JSON.stringify(name)}] = ${json};\n`;
}
