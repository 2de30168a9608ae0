/** Which image stands on which, drawn from left to right: a node for each image, or for all that nothing stands on. */
import { pageText } from '../page-text.ts';
import { shortDigest } from './amounts-shown.ts';
import { ownersOf, pageOf, sizeOf, statusOf, type Status } from './image-row.ts';
import { showSize } from '../../stages/report/amounts.ts';
import type { SiteImage } from '../facts/site-facts.ts';

/** Nodes. A larger picture shows nothing any more: then images share a node. */
const maxNodes = 24;
/** Of a larger picture: bases beside each other that have a node of their own. */
const maxBases = 6;
const box = { width: 208, height: 46, gapX: 44, gapY: 12 };
/** Characters that fit into a box. */
const maxLabel = 26;

interface Node {
  label: string;
  /** What the label was cut from, for readers of titles. */
  full: string;
  detail: string;
  href: string;
  kind: Status['kind'];
  children: Node[];
}

export interface LineageView {
  width: number;
  height: number;
  nodes: {
    x: number;
    y: number;
    textX: number;
    labelY: number;
    detailY: number;
    dotX: number;
    dotY: number;
    label: string;
    full: string;
    detail: string;
    href: string;
    kind: string;
  }[];
  edges: { path: string }[];
  box: { width: number; height: number };
}

export function lineageView(images: readonly SiteImage[]): LineageView {
  const roots = rootsOf(images);
  const shown = countOf(roots) > maxNodes ? roots.map(folded) : roots;
  const view: LineageView = { width: 0, height: 0, nodes: [], edges: [], box };
  let row = 0;
  const place = (node: Node, depth: number): number => {
    const middles = node.children.map((child) => place(child, depth + 1));
    const y =
      middles.length > 0
        ? (middles[0]! + middles.at(-1)!) / 2
        : row++ * (box.height + box.gapY) + box.height / 2;
    const x = depth * (box.width + box.gapX);
    add(view, node, x, y);
    for (const middle of middles)
      view.edges.push({ path: curve(x + box.width, y, x + box.width + box.gapX, middle) });
    return y;
  };
  for (const root of shown) place(root, 0);
  view.height = Math.max(0, row * (box.height + box.gapY) - box.gapY) + 2;
  view.width = Math.max(0, ...view.nodes.map(({ x }) => x + box.width)) + 2;
  return view;
}

function add(view: LineageView, { label, full, detail, href, kind }: Node, x: number, middle: number): void {
  const y = middle - box.height / 2 + 1;
  view.nodes.push({
    x: x + 1,
    y,
    textX: x + 26,
    labelY: y + 19,
    detailY: y + 36,
    dotX: x + 14,
    dotY: y + 15,
    label,
    full,
    detail,
    href,
    kind,
  });
}

function curve(x: number, y: number, toX: number, toY: number): string {
  const half = (x + toX) / 2;
  return `M${x} ${y + 1}C${half} ${y + 1} ${half} ${toY + 1} ${toX + 1} ${toY + 1}`;
}

function rootsOf(images: readonly SiteImage[]): Node[] {
  const owners = ownersOf(images);
  const nodes = new Map(images.map((image) => [image.id, nodeOf(image)]));
  const outside = new Map<string, Node>();
  const roots: Node[] = [];
  for (const image of images) {
    const node = nodes.get(image.id)!;
    const owner = image.base === undefined ? undefined : owners.byDigest.get(image.base);
    if (owner && owner.image !== image) nodes.get(owner.image.id)!.children.push(node);
    else if (image.base === undefined) roots.push(node);
    else outsideNode(image.base, outside).children.push(node);
  }
  return [...roots, ...outside.values()];
}

function outsideNode(digest: string, known: Map<string, Node>): Node {
  const label = shortDigest(digest);
  const node = known.get(digest) ?? {
    label,
    full: digest,
    detail: 'built by others',
    href: '',
    kind: 'none' as const,
    children: [],
  };
  known.set(digest, node);
  return node;
}

function nodeOf(image: SiteImage): Node {
  const { id, name, arch } = image;
  const { kind, text } = statusOf(image);
  const label = name.length > maxLabel ? `${name.slice(0, maxLabel - 1)}…` : name;
  return {
    label,
    full: `${name} (${arch})`,
    detail: `${arch} · ${showSize(sizeOf(image))} · ${text}`,
    href: pageOf(id),
    kind,
    children: [],
  };
}

const countOf = (nodes: readonly Node[]): number =>
  nodes.reduce((sum, { children }) => sum + 1 + countOf(children), 0);

/** A base with the bases on it that carry most; all other images on it share a node. */
function folded(node: Node): Node {
  const carrying = node.children.filter(({ children }) => children.length > 0);
  const shown = new Set(
    carrying.toSorted((a, b) => countOf(b.children) - countOf(a.children)).slice(0, maxBases),
  );
  const rest = node.children.filter((child) => !shown.has(child));
  const children = node.children.filter((child) => shown.has(child)).map(folded);
  return { ...node, children: rest.length > 0 ? [...children, groupOf(node, rest)] : children };
}

function groupOf({ label, full }: Node, nodes: readonly Node[]): Node {
  const [count, failed] = [countOf(nodes), failuresOf(nodes)];
  return {
    label: count === 1 ? '1 image' : `${count} images`,
    full: `${count} images on ${full}`,
    detail: failed > 0 ? `${failed} failed to boot` : 'none failed to boot',
    href: `images.html?q=${encodeURIComponent(pageText(label))}`,
    kind: failed > 0 ? 'bad' : 'ok',
    children: [],
  };
}

const failuresOf = (nodes: readonly Node[]): number =>
  nodes.reduce((sum, { kind, children }) => sum + Number(kind === 'bad') + failuresOf(children), 0);
