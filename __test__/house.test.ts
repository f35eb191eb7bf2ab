import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { circlesOf } from './helpers/circles';

// The rule about src/ that ARCHITECTURE.md ("The house") states: which part may use which, and that no files use each
// other in a circle. A file uses another if it names something that is defined there. `mod` declarations and `pub use`
// only say where things are, so that they do not count; names are followed through them.

const ROOT = path.join(__dirname, '..', 'src');

/** For each folder or file directly in src/, the others that it may use. */
const ALLOWED: Record<string, string[]> = {
  adapter: ['bridge', 'db', 'error', 'input', 'metrics', 'options', 'origin', 'store'],
  bridge: ['db', 'error', 'input', 'metrics', 'origin'],
  clock: [],
  db: ['error', 'id', 'metrics', 'origin'],
  error: [],
  fuzzing: ['clock', 'error', 'input', 'options', 'store'],
  id: [],
  input: ['clock', 'error'],
  lib: [],
  metrics: [],
  options: ['db', 'error', 'id', 'input'],
  origin: [],
  store: ['clock', 'db', 'error', 'id', 'input'],
};

/** The methods of the class that JavaScript sees are grouped by family of tables, an `impl` block in each file. */
const SPREAD_TYPES = ['PostgresStorageAdapter'];

type File = {
  /** The path of the module, `db::batch::queue`. */
  module: string;
  path: string;
  code: string;
  defines: Set<string>;
  /** Names from elsewhere, which other files may take from here, and what they lead to. */
  imports: Map<string, string[]>;
};

function rustFiles(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const full = path.join(folder, entry.name);
    return entry.isDirectory() ? rustFiles(full) : entry.name.endsWith('.rs') ? [full] : [];
  });
}

/** The code without comments, the contents of strings, and tests, which may use anything. */
function withoutCommentsAndTests(text: string): string {
  const code = text
    .replace(/^\s*\/\/.*$/gm, '')
    .replace(/"(?:[^"\\]|\\.)*"/gs, '""')
    .replace(/\s\/\/ .*$/gm, '');
  const tests = code.search(/#\[cfg\(test\)\]\s*mod \w+ \{/);
  return tests === -1 ? code : code.slice(0, tests);
}

/** `a::{b, c::{self, d as e}}` as pairs of a path and the name under which it is known. */
function usedPaths(tree: string): { path: string[]; as: string }[] {
  const text = tree.trim();
  const brace = text.indexOf('{');
  if (brace === -1) {
    const [from, as] = text.split(/\s+as\s+/);
    const parts = from.split('::').map((part) => part.trim());
    const names = parts.at(-1) === 'self' ? parts.slice(0, -1) : parts;
    return [{ path: names, as: as?.trim() ?? names.at(-1) ?? '' }];
  }
  const prefix = text
    .slice(0, brace)
    .split('::')
    .map((part) => part.trim())
    .filter(Boolean);
  const items: string[] = [];
  let depth = 0;
  let item = '';
  for (const char of text.slice(brace + 1, text.lastIndexOf('}'))) {
    depth += char === '{' ? 1 : char === '}' ? -1 : 0;
    if (char === ',' && depth === 0) {
      items.push(item);
      item = '';
    } else {
      item += char;
    }
  }
  return [...items, item]
    .filter((each) => each.trim())
    .flatMap(usedPaths)
    .map(({ path: rest, as }) => ({ path: [...prefix, ...rest], as: as === '' ? (prefix.at(-1) ?? '') : as }));
}

const DEFINITION =
  /^\s*(?:pub(?:\([^)]*\))? )?(?:const |async |unsafe )*(?:struct|enum|trait|type|fn|const|static|union) (\w+)|macro_rules! (\w+)/gm;
const DECLARED_BY_MACRO = /^(?:input|record|closed_set)! \{(?:\s|#\[[^\]]*\])*(\w+)/gm;
const USE = /^\s*(pub(?:\([^)]*\))? )?use ((?:crate|super|self|\w+)[^;]*);/gm;

/** The definitions that do not stand inside of anything. */
function topLevel(code: string, pattern: RegExp): string[] {
  const unindented = code.replace(/^[ \t]+.*$/gm, '');
  return [...unindented.matchAll(pattern)].flatMap((match) => match.slice(1).filter(Boolean));
}

function readHouse(): Map<string, File> {
  const house = new Map<string, File>();
  for (const full of rustFiles(ROOT)) {
    const relative = path.relative(ROOT, full).split(path.sep).join('/');
    const module = relative.replace(/(?:\/mod)?\.rs$/, '').replaceAll('/', '::');
    if (module.split('::').at(-1) !== 'tests') {
      const code = withoutCommentsAndTests(readFileSync(full, 'utf8'));
      const defines = new Set([...topLevel(code, DEFINITION), ...topLevel(code, DECLARED_BY_MACRO)]);
      for (const declared of code.matchAll(DECLARED_BY_MACRO)) {
        defines.add(declared[1]);
      }
      house.set(module, { module, path: relative, code, defines, imports: new Map() });
    }
  }
  for (const file of house.values()) {
    for (const [, , tree] of file.code.matchAll(USE)) {
      for (const { path: used, as } of usedPaths(tree)) {
        file.imports.set(as, used);
      }
    }
  }
  return house;
}

/** Which file a path leads to from that file; `undefined` when it leads out of src/. */
function fileOf(house: Map<string, File>, from: File, names: string[], depth = 0): File | undefined {
  let module = from.module === 'lib' ? [] : from.module.split('::');
  let rest = [...names];
  if (rest[0] === 'crate') {
    module = [];
    rest = rest.slice(1);
  } else if (rest[0] === 'super' || rest[0] === 'self') {
    while (rest[0] === 'super' || rest[0] === 'self') {
      if (rest[0] === 'super') {
        module = module.slice(0, -1);
      }
      rest = rest.slice(1);
    }
  } else if (!house.has([...module, rest[0]].join('::'))) {
    return undefined;
  }
  while (rest.length > 0 && house.has([...module, rest[0]].join('::'))) {
    module = [...module, rest[0]];
    rest = rest.slice(1);
  }
  const file = house.get(module.join('::'));
  const handedOn = file && rest.length > 0 && !file.defines.has(rest[0]) ? file.imports.get(rest[0]) : undefined;
  if (file && handedOn && depth < 8) {
    const first = fileOf(house, file, handedOn, depth + 1);
    return first ?? file;
  }
  return file;
}

/** By file, the files of which it names something. */
function arrowsOf(house: Map<string, File>): Map<string, Set<string>> {
  const arrows = new Map<string, Set<string>>();
  for (const file of house.values()) {
    const used = new Set<string>();
    const use = (names: string[]) => {
      const target = fileOf(house, file, names);
      if (target && target !== file) {
        used.add(target.path);
      }
    };
    const body = file.code.replace(USE, (_, isPublic, tree) => {
      if (!isPublic) {
        for (const { path: names } of usedPaths(tree)) {
          use(names);
        }
      }
      return '';
    });
    for (const [inline] of body.matchAll(/(?<![\w:])\$?(?:crate|super|self|[a-z_]+)(?:::\w+)+/g)) {
      use(inline.replace('$', '').split('::'));
    }
    arrows.set(file.path, used);
  }
  return arrows;
}

const part = (file: string) => file.replace(/\.rs$/, '').split('/')[0];

describe('The files of src/', () => {
  const house = readHouse();
  const arrows = arrowsOf(house);

  it('are read with what they use', () => {
    const used = (file: string) => [...(arrows.get(file) ?? [])];
    expect(arrows.size).toBeGreaterThan(60);
    expect(used('adapter/sessions.rs')).toEqual(expect.arrayContaining(['store/sessions.rs', 'bridge/values.rs']));
    expect(used('store/lookup.rs')).toEqual(expect.arrayContaining(['db/run/mod.rs']));
    expect(used('db/database.rs')).toEqual(expect.arrayContaining(['db/pool/mod.rs', 'db/migrate/mod.rs']));
  });

  it('do not use each other in a circle', () => {
    expect(circlesOf(arrows)).toEqual([]);
  });

  it('use only the parts below them', () => {
    const forbidden = [...arrows].flatMap(([from, used]) =>
      [...used]
        .filter((to) => part(to) !== part(from) && !(ALLOWED[part(from)] ?? []).includes(part(to)))
        .map((to) => `${from} uses ${to}`),
    );
    expect(forbidden).toEqual([]);
  });

  it('declare no type under a name that another file has', () => {
    const declared = new Map<string, string[]>();
    for (const file of house.values()) {
      const outer = topLevel(file.code, /^(?:pub(?:\([^)]*\))? )?(?:struct|enum|trait|type|union) (\w+)/gm);
      const names = [...outer, ...[...file.code.matchAll(DECLARED_BY_MACRO)].map((match) => match[1])];
      for (const name of new Set(names)) {
        declared.set(name, [...(declared.get(name) ?? []), file.path]);
      }
    }
    expect([...declared].filter(([, files]) => files.length > 1)).toEqual([]);
  });

  it('have the methods of a type where the type is declared', () => {
    const elsewhere = [...house.values()].flatMap((file) =>
      [...file.code.matchAll(/^impl(?:<.*?>)? (\w+)(?:<(?:(?! for )[^{])*>)? (?:where[^{]*)?\{/gm)]
        .map((match) => match[1])
        .filter((name) => !file.defines.has(name) && !SPREAD_TYPES.includes(name))
        .map((name) => `${file.path} has methods of ${name}`),
    );
    expect(elsewhere).toEqual([]);
  });
});
