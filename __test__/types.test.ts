/** The typings, compiled by a consumer’s strict compiler. */
import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';

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
