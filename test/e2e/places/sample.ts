/**
 * What a checkout has to do wherever it lies, quickly: packages are built from its files, an image from them, the
 * manifest is generated, and who is not root is told so.
 */
import { join } from 'node:path';
import { checkout, withWorkPlace } from '../../../spec/places.ts';
import { rpmbuild } from '../../../spec/rpmbuild.ts';
import { run } from '../../../src/lib/host/exec.ts';
import { asNobody, Desk } from '../../helpers/milliner.ts';

const desk = await Desk.open();
try {
  const sources = join(checkout, 'spec/demo');
  const product = { spec: join(sources, 'demo-product.spec'), sources, epoch: 1_704_067_200 };
  const built = await withWorkPlace(() => rpmbuild(product, desk.path('built')));
  await run(process.execPath, [join(checkout, 'scripts/generate-manifest.ts')]);
  const recipe = await desk.tiny('base', ['tiny-base', 'tiny-app']);
  const { packages } = await desk.build(recipe, '--output', desk.path('layout'));
  const { code } = await desk.fails(['build', recipe], { wrapper: asNobody });
  process.stdout.write(JSON.stringify({ checkout, built: built.length, packages, code }));
} finally {
  await desk.remove();
}
