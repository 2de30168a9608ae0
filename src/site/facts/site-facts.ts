/** What a site tells, as plain data: the same facts make the same bytes, on every machine. */
import type { Digest } from '../../lib/oci/digest.ts';
import type { Nevra } from '../../lib/rpm/package.ts';
import type { ImageLayer, RuntimeConfig } from '../../stages/image/image.ts';
import type { Verdict } from '../../stages/boot/verdict.ts';
import type { ImageReport, Outcome } from '../../stages/report/night-report.ts';

export interface SiteFacts {
  /** By name and architecture. */
  images: SiteImage[];
  /** By reference. */
  tags: SiteTag[];
  /** Oldest first. */
  nights: SiteNight[];
  sources: SiteSources;
}

/** What was asked: an answer that was not asked for is not the answer "none". */
interface SiteSources {
  /** Whether the histories of the tags were read from their registries, and verified. */
  isRegistryRead: boolean;
  /** Whether the repositories of the recipes were asked for advisories. */
  isAdvisoryRead: boolean;
  /** Images without a recipe that names the repositories. */
  unasked: string[];
}

export interface SiteLayer extends Pick<ImageLayer, 'digest' | 'size' | 'recipe' | 'holds'> {}

/** One build of an image. */
export interface SiteBuild {
  digest: Digest;
  /** ISO 8601: creation time in the image's configuration, which is that of its newest package. */
  created: string;
  layers: SiteLayer[];
  packages: SitePackage[];
  verdict?: Verdict;
}

export interface SitePackage extends Nevra {
  nevra: string;
}

export interface SiteImage extends SiteBuild {
  /** NAME.ARCH: the name of its page. */
  id: string;
  name: string;
  arch: string;
  /** Manifest digest of the base. */
  base?: Digest;
  lock: string;
  /** From a lock of the digest above; absent if no such lock is at hand. */
  locked?: LockedFacts;
  config: RuntimeConfig;
  /** What the build did besides unpacking packages: numbers of entries of its report. */
  build: { normalised: number; removedKeys: number; state: number; verification: number; warnings: string[] };
  /** Replaced builds that the state still has, newest first. */
  former: SiteBuild[];
  /** Where this state has published the current build. */
  references: string[];
  /** Open ones; absent if no repository was asked. */
  advisories?: OpenAdvisory[];
  /** Repositories of its recipe that publish none, so that nothing is known of their packages. */
  silentRepositories: string[];
}

interface LockedFacts {
  repositories: string[];
  reproducibleElsewhere: boolean;
  /** By NEVRA. */
  packages: ReadonlyMap<string, { repo: string; size: number; sourceRpm: string }>;
}

export interface OpenAdvisory {
  id: string;
  type: string;
  severity: string;
  cves: string[];
  title: string;
  /** NEVRAs of the image that it is about. */
  packages: string[];
}

export interface SiteTag {
  /** REGISTRY/REPOSITORY:TAG */
  reference: string;
  /** `registry`: signed records, verified; `state`: what this state has published itself. */
  source: 'registry' | 'state';
  /** Of the image or index that it names; absent if that is not known. */
  digest?: Digest;
  /** Ids of images of this state that it names. */
  images: string[];
  /** Newest first. */
  moves: SiteMove[];
  hold?: { reason: string; until?: string };
  /** Why the registry's answer cannot be shown. */
  problem?: { code: string; message: string };
}

export interface SiteMove {
  /** ISO 8601. */
  time: string;
  from?: Digest;
  to: Digest;
  reason: string;
  note?: string;
  by?: string;
}

export interface SiteNight {
  set: string;
  started: string;
  finished: string;
  outcomes: Record<Outcome, number>;
  /** All but the unchanged ones. */
  images: NightImage[];
}

export type NightImage = Pick<
  ImageReport,
  'recipe' | 'arches' | 'outcome' | 'reasons' | 'references' | 'digest' | 'previous' | 'advisories'
> &
  Pick<ImageReport, 'updateBytes' | 'size' | 'boot' | 'failure' | 'hold' | 'quarantine'> & {
    packages: { name: string; arch: string; from?: string | undefined; to?: string | undefined }[];
  };
