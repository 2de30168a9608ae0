/** What the scripts of pages read: files of data that put a value into `millinerData`, by name. */

/** Files that the lists of the images of packages lie in: a search reads those that it needs. */
export const shardCount = 64;

type VersionData = [epoch: number, version: string, release: string, arch: string, images: number];
export type PackageData = [name: string, versions: VersionData[]];
/** Of each package of a shard, of each of its versions: positions in the list of images. */
export type CarrierData = number[][][];

export interface ListedImage {
  id: string;
  name: string;
  arch: string;
}

/** For comparisons and charts: one image. */
export interface ImageData {
  size: number;
  created: string;
  boot: string;
  /** Name, EVR and architecture. */
  packages: [name: string, evr: string, arch: string][];
  layers: [digest: string, size: number, holds: string][];
  /** Milliseconds since 1970, bytes, seconds, bytes. */
  trend: [time: number, size: number | null, ready: number | null, update: number | null][];
}

export interface TrendsData {
  sets: string[];
  /** Milliseconds since 1970, position of the set, numbers of images, bytes, bytes, seconds. */
  nights: [
    time: number,
    set: number,
    published: number,
    failed: number,
    update: number,
    size: number | null,
    ready: number | null,
  ][];
}
