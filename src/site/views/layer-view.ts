/** The layers of an image as a picture: what each weighs, what is in it, and which images have the same one. */
import { showSize } from '../../stages/report/amounts.ts';
import type { SiteImage, SiteLayer } from '../facts/site-facts.ts';
import { percent, shortDigest } from './amounts-shown.ts';
import { pageOf, sizeOf } from './image-row.ts';

/** Links to images that share a layer; the rest is a number. */
const maxSharers = 3;
/** Characters of what is in a layer that stand in the table at once; the rest is behind them. */
const maxHolds = 90;

interface LayerRow {
  number: number;
  digest: string;
  size: string;
  /** Percent of the largest layer. */
  width: string;
  kind: string;
  holds: string;
  rest: string;
  madeBy: string;
  sharers: { name: string; href: string }[];
  others: number;
}

export interface LayersView {
  rows: LayerRow[];
  /** All layers side by side, in percent of the image. */
  strip: { x: string; width: string; kind: string; title: string }[];
  legend: { kind: string; text: string }[];
}

/** By digest of a layer. */
export type Sharers = ReadonlyMap<string, readonly SiteImage[]>;

export function sharersOf(images: readonly SiteImage[]): Sharers {
  const sharers = new Map<string, SiteImage[]>();
  for (const image of images) {
    for (const digest of new Set(image.layers.map((layer) => layer.digest))) {
      const known = sharers.get(digest);
      if (known) known.push(image);
      else sharers.set(digest, [image]);
    }
  }
  return sharers;
}

export function layersView(image: SiteImage, sharers: Sharers): LayersView {
  const { layers } = image;
  const kinds = kindsOf(layers);
  const maxSize = Math.max(1, ...layers.map(({ size }) => size));
  return {
    rows: layers.map((layer, index) => ({
      number: index + 1,
      digest: shortDigest(layer.digest),
      size: showSize(layer.size),
      width: percent(layer.size, maxSize),
      kind: kinds.get(layer.recipe)!,
      ...splitHolds(layer.holds),
      madeBy: layer.recipe ?? 'others',
      ...sharedWith(image, sharers.get(layer.digest) ?? []),
    })),
    strip: stripOf(layers, sizeOf(image), kinds),
    legend: [...kinds].map(([recipe, kind]) => ({ kind, text: recipe ?? 'built by others' })),
  };
}

/** A colour for each recipe of the lineage; the style sheet has six. */
function kindsOf(layers: readonly SiteLayer[]): Map<string | undefined, string> {
  const recipes = [...new Set(layers.map(({ recipe }) => recipe))];
  return new Map(recipes.map((recipe, index) => [recipe, `c${(index % 6) + 1}`]));
}

function stripOf(
  layers: readonly SiteLayer[],
  total: number,
  kinds: ReadonlyMap<string | undefined, string>,
) {
  let before = 0;
  return layers.map(({ size, recipe, holds }) => {
    const x = percent(before, total);
    before += size;
    return {
      x,
      width: percent(size, total),
      kind: kinds.get(recipe)!,
      title: `${showSize(size)}: ${holds.slice(0, 200)}`,
    };
  });
}

function splitHolds(holds: string): Pick<LayerRow, 'holds' | 'rest'> {
  if (holds.length <= maxHolds + 20) return { holds: holds || 'files', rest: '' };
  const comma = holds.lastIndexOf(', ', maxHolds);
  const at = comma > 0 ? comma : maxHolds;
  return { holds: holds.slice(0, at), rest: holds.slice(at) };
}

function sharedWith(image: SiteImage, sharers: readonly SiteImage[]): Pick<LayerRow, 'sharers' | 'others'> {
  const others = sharers.filter((one) => one !== image);
  const shown = others.slice(0, maxSharers).map(({ id, name }) => ({ name, href: `../${pageOf(id)}` }));
  return { sharers: shown, others: others.length - shown.length };
}
