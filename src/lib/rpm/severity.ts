/** The order of advisories: security first, then by severity as Red Hat and Fedora write it, whatever the case. */

const severities = ['critical', 'important', 'moderate', 'low'];

interface Rated {
  id: string;
  severity: string;
  /** security, bugfix, enhancement, newpackage; absent for one that is known to be about security or of any kind. */
  type?: string | undefined;
}

export function byUrgency(a: Rated, b: Rated): number {
  return rankOf(a) - rankOf(b) || (a.id < b.id ? -1 : Number(a.id > b.id));
}

function rankOf({ type, severity }: Rated): number {
  const rank = severities.indexOf(severity.toLowerCase());
  const kind = type === undefined || type === 'security' ? 0 : severities.length + 1;
  return kind + (rank < 0 ? severities.length : rank);
}
