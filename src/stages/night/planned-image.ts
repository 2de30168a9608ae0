/** What a night does with one image, and why. */

export type Reason =
  | { kind: 'package'; from?: string; to?: string; advisories: string[] }
  /** A recipe of the set or beneath it, or the reference of an image that others build. */
  | { kind: 'base'; base: string }
  /** The recipe has changed since its lock, has none, or the lock is of other tools. */
  | { kind: 'recipe' }
  /** No night has published its lock: an earlier one failed or was interrupted, or the set is new here. */
  | { kind: 'unpublished' }
  /** What the key has stated of the tags ends before long. */
  | { kind: 'statement' };

export interface PlannedPackage {
  name: string;
  arch: string;
  /** NEVRAs; without `from` it is added, without `to` removed. */
  from?: string;
  to?: string;
}

export interface PlannedAdvisory {
  id: string;
  /** security, bugfix, enhancement, newpackage. */
  type: string;
  severity: string;
  cves: string[];
  title: string;
}

export interface PlannedImage {
  recipe: string;
  /** Of the recipe, relative to the set. */
  path: string;
  arches: string[];
  reasons: Reason[];
  /** Changes of the whole image, bases included. */
  packages: PlannedPackage[];
  /** What these changes fix. */
  advisories: PlannedAdvisory[];
  /** Bytes that a reader of the last image downloads, by the sizes of packages; for several architectures the maximum. */
  updateBytes: number;
  /** The recipes that it stands on, lowest first. */
  bases: string[];
  priority: 'high' | 'normal';
}

/** A change of a package in one image. */
export interface Move extends PlannedPackage {
  advisories: PlannedAdvisory[];
}

export interface ArchFinding {
  arch: string;
  /** Of the packages that the recipe adds to its base. */
  own: Move[];
  /** Bases included. */
  all: Move[];
  /** Bytes of the recipe's own layers that change. */
  bytes: number;
}

/** What was found out about one recipe. */
export interface Finding extends Pick<PlannedImage, 'recipe' | 'path' | 'bases' | 'arches'> {
  isRecipeChanged: boolean;
  /** A base that has changed though no recipe of the set makes it anew. */
  changedBase?: string;
  changes: ArchFinding[];
  failure?: PlanFailure;
}

interface PlanFailure {
  code: string;
  message: string;
  hint: string;
  arch?: string;
}

export interface ImagePlan {
  /** In the order in which they are built: bases first, then by priority and name. */
  images: PlannedImage[];
  unchanged: string[];
  failed: ({ recipe: string } & PlanFailure)[];
  /** What stands on a recipe that failed. */
  skipped: { recipe: string; base: string }[];
}
