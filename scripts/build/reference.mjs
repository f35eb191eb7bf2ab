/** Writes the API reference, docs/api.md, from the typings. They are generated, so that each declaration has one form. */
import { readFileSync, writeFileSync } from 'node:fs';

const read = (/** @type {string} */ path) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

/** A declaration with the comment before it: from `export` to the end of its block, or of its line. */
const DECLARATION =
  /^(?:\/\*\*(?<doc>(?:(?!\*\/)[\s\S])*)\*\/\n)?(?<code>(?:export )?(?:declare class|interface|type) (?<name>\w+)[\s\S]*?(?:\{\n[\s\S]*?\n\}|;))$/gm;

/** A method of the class, with the comment before it. */
const METHOD = /(?: {2}\/\*\*(?<doc>(?:(?!\*\/)[\s\S])*)\*\/\n)? {2}(?<code>(?<name>\w+)\(.*)\n/g;

/** The text of a doc comment, without its asterisks. @param {string} [comment] */
function textOf(comment = '') {
  return comment.replace(/^ *\* ?/gm, '').trim();
}

/** @param {string} typings */
function referenceOf(typings) {
  const [header = '', generated = ''] = typings.split(/^\/\/ What follows is generated.*\n/m);
  const declarations = [...header.matchAll(DECLARATION), ...generated.matchAll(DECLARATION)].map(
    ({ groups }) => /** @type {{doc?: string, code: string, name: string}} */ (groups),
  );
  const adapter = declarations.find(({ name }) => name === 'PostgresStorageAdapter');
  if (adapter === undefined) throw new Error('the typings have no PostgresStorageAdapter');
  const methods = [...adapter.code.matchAll(METHOD)].map(({ groups }) => groups);
  const types = declarations.filter((each) => each !== adapter);
  types.sort((one, other) => one.name.localeCompare(other.name, 'en'));
  return `# API reference

Generated from [\`index.d.ts\`](../index.d.ts). [methods.md](methods.md) has examples, and [errors.md](errors.md) what to do about
an error.

## class PostgresStorageAdapter

${textOf(adapter.doc)}

${methods.map((each) => entry('###', each?.name ?? '', each?.doc, each?.code ?? '')).join('\n')}
## Types

${types.map(({ name, doc, code }) => entry('###', name, doc, code)).join('\n')}`;
}

/**
 * @param {string} level
 * @param {string} name
 * @param {string | undefined} doc
 * @param {string} code
 */
function entry(level, name, doc, code) {
  return `${level} ${name}\n\n${doc ? `${textOf(doc)}\n\n` : ''}\`\`\`typescript\n${code}\n\`\`\`\n`;
}

export function writeReference() {
  writeFileSync(new URL('../../docs/api.md', import.meta.url), referenceOf(read('index.d.ts')));
}
