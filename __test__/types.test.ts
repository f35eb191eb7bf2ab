/** The typings, in the eyes of a consumer's strict compiler. */
import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';

const COMPILER = join(dirname(require.resolve('typescript/package.json')), 'bin', 'tsc');

// What must not compile stands in the consumer too, marked as an expected error.
it.each(['node16', 'bundler'])(
  'compile with moduleResolution %s, and fit the library’s interface',
  (resolution) => {
    const project = join(__dirname, 'types', `tsconfig.${resolution}.json`);
    const { stdout, stderr, status } = spawnSync(process.execPath, [COMPILER, '--project', project], {
      encoding: 'utf8',
    });
    expect({ stdout, stderr, status }).toEqual({ stdout: '', stderr: '', status: 0 });
  },
  120_000,
);
