/** The typings, compiled by a consumer’s strict compiler. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const ROOT = join(__dirname, '..');
const COMPILER = join(dirname(require.resolve('typescript/package.json')), 'bin', 'tsc');

// Code that must not compile is in the consumer, too, marked as an expected error.
it.each(['node16', 'bundler'])(
  'the typings compile with moduleResolution %s and implement the library’s interface',
  (resolution) => {
    const project = join(__dirname, 'types', `tsconfig.${resolution}.json`);
    const { stdout, stderr, status } = spawnSync(process.execPath, [COMPILER, '--project', project], {
      encoding: 'utf8',
    });
    expect({ stdout, stderr, status }).toEqual({ stdout: '', stderr: '', status: 0 });
  },
  120_000,
);

/** The TypeScript blocks of a guide. Each becomes a module. */
function blocksOf(guide: string): string[] {
  const text = readFileSync(join(ROOT, guide), 'utf8');
  return [...text.matchAll(/```ts\n(.*?)```/gs)].map(([, code]) => code as string);
}

it('the TypeScript blocks in README.md and docs/upgrading.md compile', () => {
  const folder = mkdtempSync(join(__dirname, 'types', 'guides-'));
  try {
    const blocks = ['README.md', 'docs/upgrading.md'].flatMap(blocksOf);
    expect(blocks.length).toBeGreaterThan(3);
    for (const [at, code] of blocks.entries()) {
      const declared = 'declare const url: string;\ndeclare const app: { use(handler: unknown): void };\n';
      const used = code.includes('import ')
        ? ''
        : `import { PostgresStorageAdapter } from '@kitiumai/auth-postgres';\n`;
      writeFileSync(join(folder, `block-${at}.mts`), `${used}${declared}${code}\nexport {};\n`);
    }
    const options = JSON.parse(readFileSync(join(__dirname, 'types', 'tsconfig.node16.json'), 'utf8'));
    const include = ['*.mts', '../library.d.ts', '../storage-adapter.ts'];
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ ...options, include }));
    const { stdout, stderr } = spawnSync(process.execPath, [COMPILER, '--project', folder], { encoding: 'utf8' });
    expect({ stdout, stderr }).toEqual({ stdout: '', stderr: '' });
  } finally {
    rmSync(folder, { recursive: true });
  }
}, 120_000);
