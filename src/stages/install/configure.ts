/** Applies the recipe's own settings to the installed tree: enables and disables units. */
import { MillinerError } from '../../lib/errors/error.ts';
import { runInSandbox, type Sandbox } from './sandbox.ts';

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
