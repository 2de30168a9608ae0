/** The templates of what Milliner writes on GitHub. Texts are escaped before a template is filled. */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

const templates = fileURLToPath(new URL('../../templates/github', import.meta.url));

export const readTemplate = (name: string): Promise<string> => readFile(`${templates}/${name}.hbs`, 'utf8');
