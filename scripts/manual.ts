/** All files that are generated from the command line, by path in the checkout. */
import { readCommandLine } from './command-model.ts';
import { commandListOf, commandPageOf, fileOf } from './command-page.ts';
import { bashCompletion, fishCompletion, zshCompletion } from './completion.ts';
import { errorPage } from './error-page.ts';
import { mainPageOf, manPageOf, pageName } from './man-page.ts';

/** Committed files. */
export function documents(): Map<string, string> {
  const all = readCommandLine();
  return new Map([
    ['docs/errors.md', errorPage()],
    ['docs/commands/README.md', commandListOf(all)],
    ...all.commands.map((one): [string, string] => [
      `docs/commands/${fileOf(one.name)}`,
      commandPageOf(one, all),
    ]),
  ]);
}

/** Files that a package installs below /usr/share. */
export function shared(): Map<string, string> {
  const all = readCommandLine();
  const { name, commands } = all;
  return new Map([
    [`man/man1/${name}.1`, mainPageOf(all)],
    ...commands.map((one): [string, string] => [
      `man/man1/${pageName(name, one.name)}.1`,
      manPageOf(one, all),
    ]),
    [`bash-completion/completions/${name}`, bashCompletion(all)],
    [`zsh/site-functions/_${name}`, zshCompletion(all)],
    [`fish/vendor_completions.d/${name}.fish`, fishCompletion(all)],
  ]);
}
