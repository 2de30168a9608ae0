/** Services whose program is a value of the stack: an image for each way to become ready, and a script for each service. */
import type { Desk } from '../../helpers/milliner.ts';

export const stays = `trap 'exit 0' TERM; while :; do sleep 0.1; done`;
export const serves = (text: string) =>
  `mkdir -p /srv; echo ${text} >/srv/word; busybox httpd -p 80 -h /srv; ${stays}`;
export const asks = (name: string, path = 'word') => `busybox wget -q -O - http://${name}/${path}`;

const plans: Record<string, { test: object; user?: string }> = {
  // Ready once it runs.
  runs: { test: { settle: '1500ms', stop: { timeout: '2s' } } },
  // Ready once it has ended well.
  ends: { test: { ready: { exit: 0, timeout: '10s' } } },
  // Ready once its page is there.
  answers: { test: { settle: '500ms', checks: [{ http: 'http://localhost/word', timeout: '10s' }] } },
  // Ready once it says so, which it has no program for.
  says: { test: { ready: { notify: true, timeout: '2s' } } },
  'other-user': { test: { settle: '500ms' }, user: '7:8' },
};

export async function buildScriptImages(desk: Desk): Promise<void> {
  for (const [name, { test, user }] of Object.entries(plans)) {
    const config = { entrypoint: ['/bin/sh', '/etc/script'], stopSignal: 'SIGTERM', ...(user && { user }) };
    await desk.build(await desk.tiny(name, ['tiny-base'], { config, test: { init: false, ...test } }));
  }
}

/** @param image one of the plans' */
export function scripted(image: string, script: string, fields: Record<string, unknown> = {}) {
  const { values, ...rest } = fields as { values?: object };
  return { image, ...rest, values: { '/etc/script': `${script}\n`, ...values } };
}
