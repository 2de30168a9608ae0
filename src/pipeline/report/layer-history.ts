/** For `history`: the layers of an image in this state. */
import type { ImageLayer } from '../../stages/image/image.ts';
import { findRecord } from '../state/find-image.ts';

export interface LayerHistory {
  name: string;
  arch: string;
  digest: string;
  /** Newest first. */
  layers: (Pick<ImageLayer, 'digest' | 'diffID' | 'size' | 'mediaType' | 'holds' | 'packages'> & {
    madeBy: string;
  })[];
}

/** Throws IMAGE_NOT_FOUND. */
export async function layersOf(
  state: string,
  image: string,
  arch: string | undefined,
): Promise<LayerHistory> {
  const { name, arch: of, manifestDigest: digest, layers } = await findRecord(state, image, arch);
  const shown = layers.map(({ recipe, isHandmade = false, annotations: _annotations, ...layer }) => ({
    ...layer,
    madeBy: recipe === undefined ? 'another builder' : `${isHandmade ? 'commit' : 'build'} ${recipe}`,
  }));
  return { name, arch: of, digest, layers: shown.toReversed() };
}
