/** All files that tell of the command line and come of it, by their places in the checkout. */
import { readCommandLine } from './command-model.ts';
import { commandListOf, commandPageOf, fileOf } from './command-page.ts';
import { bashCompletion, fishCompletion, zshCompletion } from './completion.ts';
import { errorPage } from './error-page.ts';
import { mainPageOf, manPageOf, pageName } from './man-page.ts';

/** Kept in git. */
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

/** What a package installs below /usr/share. */
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
