/** An instance that was changed by hand becomes an image that says so, and that others do not take by mistake. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ImageDiff } from '../../../src/pipeline/report/image-diff.ts';
import type { LayerHistory } from '../../../src/pipeline/report/layer-history.ts';
import { useOneProcess } from '../../helpers/command-client.ts';
import { Bench } from '../../helpers/publish-fixture.ts';

useOneProcess();

let bench: Bench;
let id: string;
beforeAll(async () => {
  bench = await Bench.open();
  const stays = { entrypoint: ['/bin/sh', '-c', 'trap "exit 0" TERM; while :; do sleep 0.1; done'] };
  const fields = { config: stays, test: { settle: '1s' } };
  await bench.desk.build(
    await bench.desk.tiny('hat', ['tiny-base'], { ...fields, files: [{ path: '/etc/old', content: 'old' }] }),
  );
  await start('hat');
});
afterAll(async () => {
  await bench.desk.run(['stop', '--all']);
  await bench.close();
});

async function start(image: string): Promise<void> {
  const { instances } = await bench.desk.json<{ instances: { id: string }[] }>(['run', image, '--detach']);
  id = instances[0]!.id;
}
const shell = async (script: string) =>
  expect(await bench.desk.run(['exec', id, '--', '/bin/sh', '-c', script])).toMatchObject({ code: 0 });
const commit = (name: string, ...flags: string[]) =>
  bench.desk.json<{ manifestDigest: string; from: string; by: string }>(['commit', id, name, ...flags]);

test('an instance in which nothing has changed is no commit', async () => {
  expect(await bench.desk.fails(['commit', id, 'hat:same'])).toMatchObject({ code: 'USAGE' });
});

test('what has changed is one layer, with the owners of the image', async () => {
  await shell(
    'echo new > /etc/new; chmod 640 /etc/new; rm /etc/old; mkdir /etc/made; ln -s ../new /etc/made/link',
  );
  await commit('hat:tried', '--message', 'a new file');
  const { files, layers } = await bench.desk.json<ImageDiff>(['diff', 'hat', 'hat:tried']);
  expect(files).toEqual({
    added: ['/etc/made', '/etc/made/link', '/etc/new'],
    removed: ['/etc/old'],
    changed: [],
  });
  expect(layers.new).toHaveLength(1);
  const { layers: all } = await bench.desk.json<LayerHistory>(['history', 'hat:tried']);
  expect(all[0]).toMatchObject({ madeBy: 'commit hat:tried' });
  expect(all[0]!.holds).toContain('a new file');
});

test('it says who made it from which image, and boots', async () => {
  const { manifestDigest, from, by } = await commit('hat:again');
  const found = await bench.desk.json<{ cameBy: object; config: { labels: Record<string, string> } }>([
    'inspect',
    'hat:again',
  ]);
  expect(found.cameBy).toMatchObject({ kind: 'handmade', from, by });
  expect(JSON.parse(found.config.labels['io.milliner.handmade']!)).toMatchObject({ from, by });
  expect(await bench.desk.json(['boot', 'hat:again'])).toMatchObject({ passed: true, manifestDigest });
});

test('it is published only after a boot and with a word for it; what is committed on it is marked too', async () => {
  const to = `${bench.server.host}/hat:1`;
  const publish = ['publish', 'hat:again', '--to', to, '--key', bench.key];
  expect(await bench.fails(publish)).toMatchObject({ code: 'HANDMADE' });
  const allowed = ['publish', 'hat:tried', '--to', to, '--key', bench.key, '--allow-handmade'];
  expect(await bench.fails(allowed)).toMatchObject({ code: 'IMAGE_UNBOOTED' });
  await bench.run([...publish, '--allow-handmade']);
  await bench.desk.run(['stop', '--all']);
  await bench.desk.json(['pull', to, '--key', bench.publicKey]);
  await start(to);
  await shell('test -e /etc/new && echo more > /etc/more');
  await commit('hat:more');
  await bench.desk.json(['boot', 'hat:more']);
  const more = ['publish', 'hat:more', '--to', to, '--key', bench.key];
  expect(await bench.fails(more)).toMatchObject({ code: 'HANDMADE' });
});
