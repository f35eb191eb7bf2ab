/** The package managers that applications use, each with a cache of its own and the test's registry. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { installedPackage } from '../../scripts/test/npm-package.cjs';
import { runProgram } from './run';

export interface Manager {
  name: string;
  /** Installs into a project, as the manager's documentation tells people to. */
  install(project: string, packageName: string): Promise<void>;
  /** The command that runs a script of the project. */
  node(script: string): string[];
}

const script = (name: string, version: string, ...path: string[]) => [
  process.execPath,
  join(installedPackage(name, version), ...path),
];

export function managersFor(registry: string, directory: string): Manager[] {
  const cache = join(directory, 'cache');
  const env = {
    npm_config_registry: registry,
    npm_config_cache: join(cache, 'npm'),
    npm_config_store_dir: join(cache, 'pnpm'),
    npm_config_update_notifier: 'false',
    YARN_GLOBAL_FOLDER: join(cache, 'yarn-4'),
    YARN_CACHE_FOLDER: join(cache, 'yarn'),
    YARN_REGISTRY: registry,
    YARN_NPM_REGISTRY_SERVER: registry,
    YARN_UNSAFE_HTTP_WHITELIST: '127.0.0.1',
    YARN_ENABLE_GLOBAL_CACHE: 'false',
    YARN_ENABLE_TELEMETRY: 'false',
    YARN_ENABLE_IMMUTABLE_INSTALLS: 'false',
  };
  const manager = (name: string, command: () => string[], add: string[], run = [process.execPath]): Manager => ({
    name,
    async install(project, packageName) {
      mkdirSync(project, { recursive: true });
      writeFileSync(
        join(project, 'package.json'),
        JSON.stringify({ name: 'application', private: true, type: 'module' }),
      );
      // Or the manager would look for a workspace further up.
      writeFileSync(join(project, 'yarn.lock'), '');
      await runProgram([...command(), ...add, packageName], project, env);
    },
    node: (file) => [...run, file],
  });
  const pnpm = () => script('pnpm', '10.34.8', 'bin', 'pnpm.cjs');
  const yarn1 = () => script('yarn', '1.22.22', 'bin', 'yarn.js');
  const yarn4 = () => script('@yarnpkg/cli-dist', '4.12.0', 'bin', 'yarn.js');
  return [
    manager('npm', () => ['npm'], ['install']),
    manager('pnpm', pnpm, ['add']),
    manager('yarn 1', yarn1, ['add']),
    manager('yarn 4, Plug’n’Play', yarn4, ['add'], [...yarn4(), 'node']),
  ];
}
