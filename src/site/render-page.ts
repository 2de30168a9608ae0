/** Fills the templates of pages. They are Milliner's own; every text in them is escaped, and no view can switch that off. */
import { readFileSync, readdirSync } from 'node:fs';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import Handlebars from 'handlebars';
import { pageTexts } from './page-text.ts';

export const templates = fileURLToPath(new URL('../../templates/site', import.meta.url));

export type RenderPage = (template: string, view: object) => string;

/** Compiles all templates once; each may use the others, and texts of Milliner's own, as partials. */
export function pageRenderer(ownTexts: Record<string, string> = {}): RenderPage {
  const handlebars = Handlebars.create();
  const options = { strict: true, preventIndent: true, knownHelpersOnly: true };
  const pages = new Map<string, HandlebarsTemplateDelegate>();
  for (const file of readdirSync(templates).filter((name) => name.endsWith('.hbs'))) {
    const name = basename(file, '.hbs');
    const compiled = handlebars.compile(readFileSync(`${templates}/${file}`, 'utf8'), options);
    handlebars.registerPartial(name, compiled);
    pages.set(name, compiled);
  }
  for (const [name, text] of Object.entries(ownTexts)) handlebars.registerPartial(name, () => text);
  return (template, view) => {
    const page = pages.get(template);
    if (!page) throw new Error(`there is no template ${template}`);
    return page(pageTexts(view));
  };
}
