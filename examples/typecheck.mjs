/** The second half of `npm run typecheck`: the examples that are projects of their own, each with its own tsconfig.json. */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { prepareExamples } from './prepare.mjs';

const compiler = join(import.meta.dirname, '..', 'node_modules', 'typescript', 'bin', 'tsc');
const names = readdirSync(import.meta.dirname).filter((name) =>
  existsSync(join(import.meta.dirname, name, 'tsconfig.json')),
);

await prepareExamples(names);
for (const name of names) {
  const project = join(import.meta.dirname, name);
  const { status } = spawnSync(process.execPath, [compiler, '--project', project], { stdio: 'inherit' });
  if (status !== 0) process.exitCode = 1;
}
