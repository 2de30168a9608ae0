/** Applies the recipe's own settings to the installed tree: fills templates, enables and disables units. */
import { MillinerError } from '../../lib/errors/error.ts';
import { fillTemplate } from '../../lib/host/template.ts';
import { runInSandbox, type Sandbox } from './sandbox.ts';

/** Fills a template; an unknown name is an error, not an empty string. */
export function renderTemplate(name: string, text: string, values: Record<string, unknown>): string {
  try {
    return fillTemplate(text, values);
  } catch (cause) {
    throw new MillinerError('RECIPE_INVALID', `template ${name}: ${wordsOf(cause as Error)}`, { cause });
  }
}

/** Handlebars calls the recipe's values by their JavaScript type. */
function wordsOf({ message }: Error): string {
  return message.replace('not defined in [object Object]', "is not among the recipe's values");
}

export interface Services {
  enable: string[];
  disable: string[];
}

/** Runs the image's own systemctl inside the image, offline. */
export async function setServices(sandbox: Sandbox, services: Services): Promise<void> {
  for (const verb of ['enable', 'disable'] as const) {
    if (services[verb].length === 0) continue;
    const { exitCode, stderr } = await runInSandbox(sandbox, {
      args: ['chroot', '/target', '/usr/bin/systemctl', '--no-pager', verb, ...services[verb]],
    });
    if (exitCode === 0) continue;
    const words = stderr.trim().split('\n').slice(-5).join('\n');
    throw new MillinerError(
      'RECIPE_INVALID',
      `services: systemctl ${verb} ${services[verb].join(' ')}: ${words}`,
      {
        hint: 'Name units that the installed packages have. The package systemd has systemctl itself.',
      },
    );
  }
}
