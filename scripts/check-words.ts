/** Words that names and comments do without. The compiler reads the files: no string is taken for a name. */
import { API, type Program } from 'typescript/unstable/sync';
import {
  getLeadingCommentRanges,
  getTrailingCommentRanges,
  isIdentifier,
  SyntaxKind,
  type Node,
  type SourceFile,
} from 'typescript/unstable/ast';
import { basename, join } from 'node:path';

/** Each has meant several things here, or says nothing of what it names. */
const notInNames = new Set(
  'leave keep named parts elsewhere whoever why most largest usual nobody somebody'.split(' '),
);
/** They hide the actor: a comment names the worker, the caller, the registry or the kernel. */
const notInComments = /\b(?:whoever|nobody|somebody)\b/i;

/** Keys that are not ours to change, or that stand in files and flags that people have. */
const fixedKeys: Record<string, string> = {
  keep: 'a key of rules of retention, in release sets and in --rule',
  keepAliveTimeout: 'an option of node:http',
  keepDays: 'the flag --keep-days of gc',
  keepLogs: 'an option of BullMQ',
  mostBytes: 'a key of the details of errors',
  namedCurve: 'an option of node:crypto',
  reproducibleElsewhere: 'a key of lock files',
  why: 'the flag --why of lock, and a key of the answers of inspect and build',
  whyNot: 'the flag --why-not of lock',
};
const keys = new Set([
  SyntaxKind.BindingElement,
  SyntaxKind.PropertyAssignment,
  SyntaxKind.PropertySignature,
]);

/** Nodes whose `name` is declared in another place. */
const uses = new Set([
  SyntaxKind.ExportSpecifier,
  SyntaxKind.ImportSpecifier,
  SyntaxKind.MetaProperty,
  SyntaxKind.PropertyAccessExpression,
  SyntaxKind.ShorthandPropertyAssignment,
]);

export interface Words {
  names: string[];
  comments: string[];
}

/** Of the files that the tsconfig.json of a directory lists. */
export function wordsOf(root: string, files: readonly string[]): Words {
  const compiler = new API({ cwd: root });
  try {
    const [project] = compiler.updateSnapshot({ openProject: join(root, 'tsconfig.json') }).getProjects();
    if (!project) throw new Error(`no project in ${root}`);
    const found = files.flatMap((file) => wordsOfFile(project.program, root, file));
    return {
      names: [...files.filter((file) => hasWord(basename(file))), ...found.flatMap(({ names }) => names)],
      comments: found.flatMap(({ comments }) => comments),
    };
  } finally {
    compiler.close();
  }
}

function wordsOfFile(program: Program, root: string, file: string): Words {
  const source = program.getSourceFile(join(root, file));
  if (!source) throw new Error(`tsconfig.json does not list ${file}`);
  const names: string[] = [];
  const comments = new Map<number, string>();
  const visit = (node: Node): void => {
    for (const { pos, end } of commentsAt(source, node)) comments.set(pos, source.text.slice(pos, end));
    const name = declaredName(node);
    if (name && hasWord(name) && !(keys.has(node.kind) && name in fixedKeys)) names.push(`${file}: ${name}`);
    node.forEachChild(visit);
  };
  visit(source);
  const riddles = [...comments.values()].filter((text) => notInComments.test(text));
  return { names, comments: riddles.map((text) => `${file}: ${text}`) };
}

function commentsAt({ text }: SourceFile, { pos, end }: Node) {
  return [pos, end].flatMap((at) => [
    ...(getLeadingCommentRanges(text, at) ?? []),
    ...(getTrailingCommentRanges(text, at) ?? []),
  ]);
}

function declaredName(node: Node): string | undefined {
  if (uses.has(node.kind) || !('name' in node)) return undefined;
  const { name } = node as { name?: Node };
  return name && isIdentifier(name) ? name.text : undefined;
}

/** Of camelCase and kebab-case, by whole words. */
function hasWord(name: string): boolean {
  return name.split(/(?=[A-Z])|[^A-Za-z]/).some((word) => notInNames.has(word.toLowerCase()));
}
