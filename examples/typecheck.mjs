/** The second half of `npm run typecheck`: the examples that are projects of their own, each with its own tsconfig.json. */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { prepareExample } from './prepare.mjs';

const compiler = join(import.meta.dirname, '..', 'node_modules', 'typescript', 'bin', 'tsc');
const projects = readdirSync(import.meta.dirname)
  .map((name) => join(import.meta.dirname, name))
  .filter((directory) => existsSync(join(directory, 'tsconfig.json')));

for (const project of projects) {
  await prepareExample(project);
  const { status } = spawnSync(process.execPath, [compiler, '--project', project], { stdio: 'inherit' });
  if (status !== 0) process.exitCode = 1;
}
