/**
 * Writes index.d.ts: `node scripts/build/typings.mjs <raw.d.ts> <index.d.ts>`.
 *
 * It takes napi's raw typings, replaces Rust's names of types by what a Node developer writes, and puts in the list of
 * error codes, which it asks the addon for.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const [rawPath = '', targetPath = ''] = process.argv.slice(2);

/** Types that are the same in arguments and in results. */
const EVERYWHERE = {
  Void: 'void',
  Text: 'string',
  Key: 'string',
  GivenPassword: 'string | (() => string | Promise<string>)',
  Pem: 'string | Uint8Array | readonly (string | Uint8Array)[]',
  Secret: 'string',
  Natural: 'number',
  LargeNatural: 'number',
  PageLimit: 'number',
  NaturalOrFalse: 'number | false',
  StringMap: 'Record<string, string>',
  StringMapPatch: 'Record<string, string | null>',
  LegacyTimeZone: 'string | LegacyTimeZones',
  Ssl: 'boolean | SslOptions',
};

/** Dates are given as a Date or as text, and always come back as a Date. An object of any type may be given as JSON. */
const IN_INPUTS = { Timestamp: 'Date | string', JsonObject: 'Record<string, Further>' };
const IN_RESULTS = { Timestamp: 'Date', JsonObject: 'Record<string, unknown>' };

/** The options of methods that have options of their own. They hold `signal` and `timeoutMs` as well. */
const TAKE_CALL_OPTIONS = [
  'CountEventsOptions',
  'DeleteExpiredSessionsOptions',
  'DeleteUserSessionsOptions',
  'DiagnoseOptions',
  'MigrateOptions',
  'MigrationSqlOptions',
  'EraseUserOptions',
  'ExportUserOptions',
  'ListEventsOptions',
  'ListOrganizationsOptions',
  'ListUserSessionsOptions',
  'ListUsersOptions',
  'RollbackOptions',
  'RotateApiKeyOptions',
  'SweepOptions',
  'UpdateOptions',
  'UpdateTenantSAMLConfigOptions',
  'SessionContextOptions',
  'TransactionOptions',
];

/** @param {string} name */
const isInput = (name) => /(Input|Patch|Options)$/.test(name);

/**
 * @param {string} line
 * @param {Record<string, string>} types
 */
function replaceTypes(line, types) {
  return Object.entries(types).reduce(
    (text, [rust, ts]) => text.replace(new RegExp(`(?<=[:<|,] ?)${rust}(?![\\w(])`, 'g'), ts),
    line,
  );
}

/**
 * `Wrapper<T>` becomes `T`, however deep T nests.
 *
 * @param {string} line
 * @param {string} wrapper
 * @param {(inner: string) => string} [around]
 * @returns {string}
 */
function unwrap(line, wrapper, around = (inner) => inner) {
  const start = line.search(new RegExp(`\\b${wrapper}<`));
  if (start < 0) return line;
  const open = start + wrapper.length;
  let depth = 0;
  let end = open;
  do {
    if (line[end] === '<') depth += 1;
    if (line[end] === '>') depth -= 1;
    end += 1;
  } while (depth > 0);
  const inner = line.slice(open + 1, end - 1);
  return unwrap(line.slice(0, start) + around(inner) + line.slice(end), wrapper, around);
}

const raw = readFileSync(rawPath, 'utf8');
// The hand-written part, src/bridge/header.d.ts, ends in this line.
const [header = '', generated = ''] = raw.split(/(?<=^\/\/ What follows is generated.*\n)/m);

const ERROR_CODES = /^export type ErrorCode = never;.*$/m;

function errorCodes() {
  if (!ERROR_CODES.test(header)) throw new Error('src/bridge/header.d.ts has no place for the error codes.');
  /** @type {import('../../lib/types.js').Native} */
  const native = createRequire(import.meta.url)('../../native.js');
  const union = JSON.parse(native.errorCodes()).map((/** @type {[string, unknown]} */ [code]) => `\n  | '${code}'`);
  return `export type ErrorCode =${union.join('')};`;
}

let interfaceName = '';
const lines = generated
  // An export of napi's loader, which the facade does not pass on.
  .replace(/\/\*\*[^/]*\*\/\nexport declare const __napiBindingTarget.*\n\n/, '')
  // The named columns of a type that is written by hand in the header.
  .replace(/^export interface \w+Row \{\n[^}]*\}\n\n/gm, '')
  // The empty line that a method without typings leaves behind. A debug build has more such methods.
  .replace(/^\n(?= {2}\S)/gm, '')
  // A doc comment that came through a Rust macro keeps the prefix of its raw string.
  .replace(/^(\s*(?:\/\*\*|\*) )r" ?/gm, '$1')
  .split('\n')
  .map((line) => {
    interfaceName = /^export interface (\w+)/.exec(line)?.[1] ?? (line.startsWith('}') ? '' : interfaceName);
    if (TAKE_CALL_OPTIONS.includes(interfaceName) && line.startsWith('export interface'))
      return line.replace(' {', ' extends CallOptions {');
    if (/^\s*(\/?\*|$)/.test(line) || !line.startsWith('  ')) return line;

    const ignored = /^( +)(\w+): Ignored$/.exec(line);
    if (ignored) return `${ignored[1]}${ignored[2]}?: unknown`;

    let text = unwrap(line, 'Json');
    text = unwrap(text, 'JsonOf');
    text = unwrap(text, 'Arc');
    text = unwrap(text, 'Pending', (inner) =>
      inner.startsWith('Page<') ? inner.replace('Page', 'Pages') : `Promise<${inner}>`,
    );
    text = unwrap(text, 'Nullable', (inner) => `${inner} | null`);
    text = replaceTypes(text, EVERYWHERE);
    text = replaceTypes(text, isInput(interfaceName) ? IN_INPUTS : IN_RESULTS);
    text = text.replace(/ \| undefined \| null/g, ' | null | undefined');
    // A list that is given is only read. The arguments of a method end before the last `): `.
    text = text.replace(isInput(interfaceName) ? /\bArray</g : /\bArray<(?=.*\): )/g, 'ReadonlyArray<');
    if (isInput(interfaceName)) {
      text = text.replace(/^( +\w+)\?: (.*)$/, '$1?: $2 | null | undefined');
      text = unwrap(text, 'OrNull', (inner) => `${inner} | null`);
      text = text.replace(/^( +\w+): Patch<(.*)>$/, '$1?: $2 | null | undefined');
      text = text.replace(/^( +\w+): Change<(.*)>$/, '$1?: $2 | undefined');
    }
    return text;
  });

writeFileSync(
  targetPath,
  `${header.replace(ERROR_CODES, errorCodes())}${lines.join('\n')}
// Without this, helpers above that are not exported would be.
export {};
`,
);
