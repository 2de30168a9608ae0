/**
 * Converts rpm's License tag to SPDX. Fedora's packages have SPDX expressions. Others say `GPLv2+` or `Public Domain`,
 * which a document can only list as a licence of its own with that text (SPDX 2.3, annex D).
 */
import { createHash } from 'node:crypto';
import { exceptionIds, licenseIds } from './license-list.ts';

export interface ExtractedLicense {
  licenseId: string;
  extractedText: string;
  name: string;
}

export interface DeclaredLicense {
  expression: string;
  /** Licences of the expression that are not in the SPDX list. */
  extracted: ExtractedLicense[];
}

/** Identifiers match in any case; the list's spelling is used in documents. */
const spelling = (ids: readonly string[]) => new Map(ids.map((id) => [id.toLowerCase(), id]));
const licenses = spelling(licenseIds);
const exceptions = spelling(exceptionIds);
const referencePattern = /^LicenseRef-[A-Za-z0-9.-]+$/;
/** Real expressions are not nested deeper. */
const maxDepth = 32;

export function declaredLicense(text: string): DeclaredLicense {
  const said = text.trim();
  if (said === '') return { expression: 'NOASSERTION', extracted: [] };
  const words = parse(said);
  if (!words) return ownLicense(said);
  const references = new Set(words.filter((word) => referencePattern.test(word)));
  const expression = words.join(' ').replaceAll('( ', '(').replaceAll(' )', ')');
  return {
    expression,
    extracted: [...references].map((id) => ({
      licenseId: id,
      extractedText: `The package names this licence: ${id}`,
      name: id.slice('LicenseRef-'.length),
    })),
  };
}

/** The same text gets the same identifier in every document. */
function ownLicense(text: string): DeclaredLicense {
  const slug = text.replaceAll(/[^A-Za-z0-9.]+/g, '-').replaceAll(/^-|-$/g, '');
  const hash = createHash('sha256').update(text).digest('hex').slice(0, 8);
  const licenseId = `LicenseRef-rpm-${slug.slice(0, 40)}-${hash}`.replaceAll(/-+/g, '-');
  return { expression: licenseId, extracted: [{ licenseId, extractedText: text, name: text }] };
}

/** The tokens of an expression in the list's spelling; undefined for invalid expressions. */
function parse(text: string): string[] | undefined {
  const words = text.match(/[()]|[^\s()]+/g) ?? [];
  const out: string[] = [];
  let at = 0;
  const term = (depth: number): boolean => {
    if (words[at] === '(') {
      out.push(words[at++]!);
      if (depth >= maxDepth || !expression(depth + 1) || words[at] !== ')') return false;
      out.push(words[at++]!);
      return true;
    }
    const id = words[at] === undefined ? undefined : identifier(words[at]!);
    if (id === undefined) return false;
    out.push(id);
    at++;
    if (words[at] !== 'WITH') return true;
    const exception = exceptions.get(words[at + 1]?.toLowerCase() ?? '');
    if (exception === undefined) return false;
    out.push('WITH', exception);
    at += 2;
    return true;
  };
  const expression = (depth: number): boolean => {
    if (!term(depth)) return false;
    while (words[at] === 'AND' || words[at] === 'OR') {
      out.push(words[at++]!);
      if (!term(depth)) return false;
    }
    return true;
  };
  return expression(0) && at === words.length ? out : undefined;
}

function identifier(word: string): string | undefined {
  if (referencePattern.test(word)) return word;
  const plus = word.endsWith('+');
  // `GPL-2.0+` is itself in the list; behind other identifiers, + means "or any later version".
  const listed = licenses.get(word.toLowerCase());
  if (listed !== undefined || !plus) return listed;
  const base = licenses.get(word.slice(0, -1).toLowerCase());
  return base === undefined ? undefined : `${base}+`;
}
