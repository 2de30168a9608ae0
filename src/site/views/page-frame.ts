/** What all pages have: title, navigation, and the way back to the root of the site. */

const sections = [
  { file: 'index.html', text: 'Overview' },
  { file: 'images.html', text: 'Images' },
  { file: 'tags.html', text: 'Tags' },
  { file: 'packages.html', text: 'Packages' },
  { file: 'advisories.html', text: 'Advisories' },
  { file: 'nights.html', text: 'Nights' },
  { file: 'trends.html', text: 'Trends' },
  { file: 'compare.html', text: 'Compare' },
] as const;

export type Section = (typeof sections)[number]['file'];

export interface PageFrame {
  title: string;
  /** '' or '../': pages are also read from a disk, where the root of the site is no root. */
  root: string;
  nav: { href: string; text: string; isCurrent: boolean }[];
  /** Paths of scripts, relative to the site. */
  scripts: string[];
}

export function frameOf(
  title: string,
  section: Section,
  options: Partial<Pick<PageFrame, 'root' | 'scripts'>> = {},
): PageFrame {
  const { root = '', scripts = [] } = options;
  const nav = sections.map(({ file, text }) => ({
    href: `${root}${file}`,
    text,
    isCurrent: file === section,
  }));
  return { title, root, nav, scripts };
}
