/** The README and the pages of docs/: their snippets, links, figures and generated parts. */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { PostgresStorageAdapter } from '@kitiumai/auth-postgres';
import { transformSync } from '@swc/core';
import { useDatabase } from './helpers/database';
import { runScript } from './helpers/process';

const { callDiagram } = require('../scripts/build/call-diagram.cjs');
const { diagramOf } = require('../scripts/build/schema-diagram.cjs');
const { pictureOf } = require('../scripts/build/schema-picture.cjs');

const ROOT = join(__dirname, '..');
const COMPILER = join(dirname(require.resolve('typescript/package.json')), 'bin', 'tsc');
const SETUP = pathToFileURL(join(__dirname, 'helpers', 'snippets.mjs')).href;

const read = (page: string) => readFileSync(join(ROOT, page), 'utf8');
const PAGES = [
  ...['README.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md', 'SECURITY.md'],
  ...(readdirSync(join(ROOT, 'docs'), { recursive: true }) as string[])
    .filter((file) => file.endsWith('.md'))
    .map((file) => join('docs', file)),
];

/** The TypeScript snippets of a page, each of which is a module. */
function snippetsOf(page: string): string[] {
  return [...read(page).matchAll(/```ts\n(.*?)```/gs)].map(([, code]) => code as string);
}

/** What a snippet may use without saying where it comes from. `helpers/snippets.mjs` makes these. */
const GIVEN = `import type { OrganizationRecord, PostgresStorageAdapter as Adapter, SessionRecord, UserRecord } from '@kitiumai/auth-postgres';
declare global {
  var url: string;
  var app: { use(handler: unknown): void };
  var PostgresStorageAdapter: typeof Adapter;
  var storage: Adapter;
  var user: UserRecord;
  var organization: OrganizationRecord;
  var session: SessionRecord;
}
`;

const snippets = PAGES.flatMap((page) =>
  snippetsOf(page).map((code, at) => ({ name: `${page}, snippet ${at + 1}`, code })),
);

it('the table of docs/methods.md names every method', () => {
  const [table = ''] = read('docs/methods.md').match(/^\| family \| methods \|\n(?:\|.*\n)+/m) ?? [];
  const named = [...table.matchAll(/`(\w+)(?:\(.*?\))?`/g)].map(([, name]) => name as string);
  const methods = Object.getOwnPropertyNames(PostgresStorageAdapter.prototype).filter((name) => name !== 'constructor');
  expect(named.sort()).toEqual(methods.sort());
});

it('the snippets compile with a consumer’s strict compiler', () => {
  const folder = mkdtempSync(join(__dirname, 'types', 'guides-'));
  try {
    writeFileSync(join(folder, 'given.d.mts'), GIVEN);
    for (const [at, { code }] of snippets.entries()) {
      writeFileSync(join(folder, `snippet-${at}.mts`), `import './given.mjs';\n${code}\nexport {};\n`);
    }
    const options = JSON.parse(readFileSync(join(__dirname, 'types', 'tsconfig.node16.json'), 'utf8'));
    const include = ['*.mts', '../library.d.ts', '../storage-adapter.ts'];
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ ...options, include }));
    const { stdout, stderr } = spawnSync(process.execPath, [COMPILER, '--project', folder], { encoding: 'utf8' });
    const named = stdout.replace(/.*snippet-(\d+)\.mts/g, (_, at) => snippets[Number(at)]?.name ?? '');
    expect({ stdout: named, stderr }).toEqual({ stdout: '', stderr: '' });
  } finally {
    rmSync(folder, { recursive: true });
  }
}, 120_000);

/** Each snippet has a schema of its own, so that none depends on another one. */
const schemaOf = (name: string) => name.toLowerCase().replaceAll(/\W+/g, '_');

describe('the snippets run', () => {
  const database = useDatabase();
  const folder = join(ROOT, 'target', 'snippets');

  // The library cannot be installed from the registry, so that what imports it can only be compiled.
  const runnable = snippets.filter(({ code }) => !/from '@kitiumai\/auth'/.test(code));

  it.each(runnable)('$name', async ({ name, code }) => {
    mkdirSync(folder, { recursive: true });
    const module = join(folder, `${schemaOf(name)}.mjs`);
    const { code: script } = transformSync(code, { jsc: { parser: { syntax: 'typescript' }, target: 'es2022' } });
    writeFileSync(module, script);
    const child = spawn(process.execPath, ['--import', SETUP, module], {
      env: { ...process.env, DATABASE_URL: `${database.url}?schema=${schemaOf(name)}`, NODE_NO_WARNINGS: '1' },
    });
    let errors = '';
    child.stderr.setEncoding('utf8').on('data', (text) => {
      errors += text;
    });
    const status = await new Promise((ended) => child.once('close', ended));
    expect({ status, errors }).toEqual({ status: 0, errors: '' });
  });
});

/** What GitHub makes of a heading. */
const anchorOf = (heading: string) =>
  heading
    .replaceAll(/`|\[|\]\([^)]*\)/g, '')
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-');
const withoutCode = (text: string) => text.replaceAll(/```.*?```/gs, '');
const anchorsIn = (page: string) =>
  [...withoutCode(read(page)).matchAll(/^#+ (.+)$/gm)].map(([, heading]) => anchorOf(heading as string));

it.each(PAGES)('the links of %s lead to files and headings that exist', (page) => {
  const text = withoutCode(read(page)).replaceAll(/`[^`]*`/g, '');
  const links = [...text.matchAll(/\]\(([^)\s]+)\)|(?:src|srcset|href)="([^"]+)"/g)].map(
    ([, one, other]) => one ?? other ?? '',
  );
  const broken = links.filter((link) => {
    if (/^(https?|mailto):/.test(link)) return false;
    const [path = '', anchor] = link.split('#');
    const target = path === '' ? page : relative(ROOT, resolve(ROOT, dirname(page), path));
    if (!existsSync(join(ROOT, target))) return true;
    return anchor !== undefined && !anchorsIn(target).includes(anchor);
  });
  expect(broken).toEqual([]);
});

it('every page of docs/ and every recipe can be reached from the list of pages', () => {
  const listed = [...read('docs/README.md').matchAll(/\]\(([\w./-]+\.md)\)/g)].map(([, link]) => link);
  const pages = PAGES.filter((page) => /^docs(\/recipes)?$/.test(dirname(page)) && page !== 'docs/README.md');
  expect(pages.map((page) => page.slice('docs/'.length)).filter((page) => !listed.includes(page))).toEqual([]);
});

it('the README’s figures are those of the last benchmark', () => {
  const { cells } = JSON.parse(read('bench/results.json'));
  const rate = (candidate: string) => {
    const cell = cells.find(
      (each: { operation: string; inFlight: number; candidate: string }) =>
        each.operation === 'session by id' && each.inFlight === 64 && each.candidate === candidate,
    );
    const rates = cell.rounds.map((round: { rate: number }) => round.rate).sort((a: number, b: number) => a - b);
    return rates[rates.length >> 1];
  };
  const ratio = (candidate: string) => (rate(candidate) / rate('pg')).toFixed(2);
  const [, ...columns] =
    /^\| session look-ups a second.*?\| (\S+) \| 1 \| (\S+) \| (\S+) \|$/m.exec(read('README.md')) ?? [];
  expect(columns).toEqual([ratio('ours'), ratio('authjs'), ratio('better-auth')]);
  expect(read('README.md')).toContain(`**${ratio('ours')} times**`);
});

/** The lines of a piece of code, without the indentation of the place where it stands. */
const linesOf = (code: string) =>
  code
    .split('\n')
    .map((line) => line.trim())
    .join('\n');
/** What a recipe shows of an example: `From [a file](its path):`, and a block of it. */
const EXCERPT = /^From \[[^\]]*\]\(([^)]+)\):\n\n```typescript\n(.*?)```/gms;
const excerpts = PAGES.flatMap((page) =>
  [...read(page).matchAll(EXCERPT)].map(([, path = '', code = '']) => ({
    page,
    file: join(dirname(page), path),
    code,
  })),
);

it.each(excerpts)('what $page shows of $file is there', ({ file, code }) => {
  expect(linesOf(read(file))).toContain(linesOf(code));
});

it.each(['light', 'dark'])('docs/call-%s.svg is as `npm run docs` draws it', (theme) => {
  expect(read(`docs/call-${theme}.svg`)).toBe(callDiagram(theme));
});

it('on the npm page, the links and pictures of the README lead to the repository as it was at the release', async () => {
  const script = `
    import { readFileSync } from 'node:fs';
    import { withAbsoluteLinks } from './scripts/release/npm-page.mjs';
    console.log(withAbsoluteLinks(readFileSync('README.md', 'utf8'), 'https://github.com/owner/name', 'v1.2.3'));`;
  const { stdout } = await runScript(script);
  const page = withoutCode(stdout);
  const links = [...page.matchAll(/\]\(([^)\s]+)\)/g)].map(([, link]) => link as string);
  const pictures = [...page.matchAll(/(?:src|srcset)="([^"]+)"/g)].map(([, link]) => link as string);
  expect([links.length > 30, pictures.length > 1]).toEqual([true, true]);
  expect(links.filter((link) => !/^https:|^#/.test(link))).toEqual([]);
  expect(links).toContain('https://github.com/owner/name/blob/v1.2.3/docs/README.md');
  // A page of the repository around a picture would not be a picture.
  expect(pictures.filter((link) => !link.startsWith('https://github.com/owner/name/raw/v1.2.3/'))).toEqual([]);
});

describe('what the README says about others', () => {
  const database = useDatabase({ migrated: false });

  it('is about the versions that are installed', () => {
    const installed = (name: string) => JSON.parse(read(`node_modules/${name}/package.json`)).version;
    for (const name of ['@auth/pg-adapter', 'better-auth', 'pg']) {
      expect(read('README.md')).toContain(`\`${name}\` ${installed(name)}`);
    }
  });

  it('holds: Auth.js deletes a user with three statements, and Better Auth begins with four tables', async () => {
    const script = `
      import PostgresAdapter from '@auth/pg-adapter';
      import { getMigrations } from 'better-auth/db/migration';
      import pg from 'pg';
      const sent = [];
      await PostgresAdapter({ query: async (text) => sent.push(text) }).deleteUser('1');
      const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL });
      const options = { database: pool, logger: { disabled: true }, telemetry: { enabled: false } };
      const { toBeCreated } = await getMigrations(options);
      await pool.end();
      console.log(JSON.stringify({ sent, tables: toBeCreated.map(({ table }) => table) }));`;
    const { stdout, stderr } = await runScript(script, { env: { DATABASE_URL: database.url } });
    if (!stdout) throw new Error(stderr);
    const { sent, tables } = JSON.parse(stdout);
    expect(sent.map((statement: string) => statement.split(' where ')[0])).toEqual(
      ['users', 'sessions', 'accounts'].map((table) => `delete from ${table}`),
    );
    expect(tables.sort()).toEqual(['account', 'session', 'user', 'verification']);
  });
});

describe('docs/schema.md', () => {
  const database = useDatabase();

  it('shows the tables as the catalogue has them', async () => {
    const drawn = await diagramOf((sql: string) => database.query(sql));
    expect(read('docs/schema.md')).toContain(drawn);
  });

  it.each(['light', 'dark'])(
    'has a picture of their references, for %s pages, as the catalogue has them',
    async (theme) => {
      expect(read(`docs/schema-${theme}.svg`)).toBe(await pictureOf((sql: string) => database.query(sql), theme));
    },
  );
});
