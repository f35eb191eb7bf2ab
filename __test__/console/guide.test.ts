/** docs/console.md names every option, permission, page and event, and its examples use what there is. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { parseSync } from '@swc/core';
import { ACTIONS } from '../../console/lib/actions';
import { PAGES } from '../../console/lib/pages';
import { PERMISSIONS } from '../../console/lib/permissions';
import { LISTS } from '../../console/lib/secure/hidden-keys';
import { OPTIONS } from '../../console/lib/settings';

const ROOT = join(__dirname, '..', '..');
const guide = readFileSync(join(ROOT, 'docs', 'console.md'), 'utf8');
const typings = readFileSync(join(ROOT, 'console', 'index.d.ts'), 'utf8');

/** The first column of the table below a heading. */
function named(heading: string): string[] {
  const section = guide.split(`\n## ${heading}\n`)[1]?.split('\n## ')[0] ?? '';
  return [...section.matchAll(/^\| `([^`(]+)/gm)].map(([, name]) => `${name}`);
}

it('the tables name all options, permissions, pages and events', () => {
  expect(named('Options').sort()).toEqual([...OPTIONS].sort());
  expect(named('Permissions').sort()).toEqual([...PERMISSIONS, '*'].sort());
  expect(named('What each page reads')).toEqual(PAGES.map(({ path }) => path));
  expect(named('What each action writes').sort()).toEqual(ACTIONS.map(({ event }) => event).sort());
});

it('the table of hidden values has the same lists as the console', () => {
  const table = guide.split('\n## Hidden values\n')[1]?.split('\n## ')[0] ?? '';
  const lists = [...table.matchAll(/^\| [^|]+ \| (`.*`) \|$/gm)].map(([, list]) =>
    `${list}`.slice(1, -1).split('`, `'),
  );
  expect(lists).toEqual(Object.values(LISTS));
});

it('the typings have the same options and permissions', () => {
  for (const name of OPTIONS) expect(typings).toMatch(new RegExp(`^  ${name}\\??:`, 'm'));
  const permissions = /type Permission =([^;]+);/.exec(typings)?.[1]?.match(/'[^']+'/g);
  expect(permissions).toEqual([...PERMISSIONS, '*'].map((name) => `'${name}'`));
});

it('the permission of each action exists', () => {
  for (const { permission } of ACTIONS) expect(PERMISSIONS).toContain(permission);
});

it.each(['docs/console.md', 'console/README.md'])(
  'the examples of %s parse, and import what the package has',
  (page) => {
    const examples = [...readFileSync(join(ROOT, page), 'utf8').matchAll(/```js\n(.*?)```/gs)].map(
      ([, code]) => `${code}`,
    );
    expect(examples.length).toBeGreaterThan(0);
    const load = createRequire(join(ROOT, 'console', 'index.js'));
    for (const code of examples) {
      parseSync(code, { syntax: 'ecmascript', target: 'es2022' });
      for (const [, names = '', path = ''] of code.matchAll(
        /\{([^}]+)\}(?: = require\(| from )'@kitiumai\/auth-postgres-console([^']*)'/g,
      )) {
        const found = load(path === '' ? './index.js' : `.${path}.js`);
        for (const name of names.split(',')) expect(found).toHaveProperty(name.trim());
      }
    }
  },
);
