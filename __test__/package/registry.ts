/** A registry of our own on the loopback interface, which knows nothing but what is published to it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, realpathSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { installedPackage } from '../../scripts/test/npm-package.cjs';
import { freePort } from '../../scripts/test/postgres-server.cjs';
import { nodeProgram } from '../../scripts/test/runtimes.cjs';
import { runProgram } from './run';

const VERDACCIO = '6.10.4';
/** It asks for a newer Node than the oldest one to develop with. */
const NODE = '22.23.3';
/** Verdaccio asks for it by a tag, which not every mirror of the public registry keeps. */
const OVERRIDES = { 'node-fetch': '2.6.7' };

export interface Registry {
  url: string;
  /** Who may publish. */
  token: string;
  /** Publishes a package that is installed here. */
  add(installed: string): Promise<void>;
  stop(): Promise<void>;
}

export async function startRegistry(directory: string): Promise<Registry> {
  const program = join(installedPackage('verdaccio', VERDACCIO, { overrides: OVERRIDES }), 'bin', 'verdaccio');
  const port = await freePort();
  const url = `http://127.0.0.1:${port}/`;
  mkdirSync(directory, { recursive: true });
  const config = join(directory, 'config.yaml');
  // JSON is YAML, too.
  writeFileSync(config, JSON.stringify(configuration(directory)));

  const child = spawn(nodeProgram(NODE), [program, '--config', config, '--listen', `127.0.0.1:${port}`], {
    cwd: directory,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  await untilReady(child, url);
  const token = await newUser(url);
  return {
    ...{ url, token },
    add: async (installed) => {
      const settings = join(directory, 'publisher.npmrc');
      writeFileSync(settings, `registry=${url}\n${url.replace('http:', '')}:_authToken=${token}\n`);
      const flags = ['--ignore-scripts', '--loglevel=error', '--userconfig', settings];
      await runProgram(['npm', 'publish', realpathSync(installed), ...flags], directory);
    },
    stop: () =>
      new Promise((resolve) => {
        child.once('exit', () => resolve());
        child.kill();
      }),
  };
}

function configuration(directory: string) {
  return {
    storage: join(directory, 'storage'),
    auth: { htpasswd: { file: join(directory, 'htpasswd') } },
    uplinks: {},
    packages: { '**': { access: '$all', publish: '$authenticated' } },
    max_body_size: '500mb',
    web: { enable: false },
    log: { type: 'stdout', format: 'pretty', level: 'error' },
  };
}

async function untilReady(child: ChildProcess, url: string): Promise<void> {
  for (;;) {
    if (child.exitCode !== null) throw new Error('the registry has ended; see above');
    const answer = await fetch(`${url}-/ping`).catch(() => undefined);
    if (answer?.ok) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function newUser(url: string): Promise<string> {
  const answer = await fetch(`${url}-/user/org.couchdb.user:publisher`, {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ name: 'publisher', password: 'only-for-this-run' }),
  });
  const { token } = (await answer.json()) as { token?: string };
  if (!token) throw new Error(`the registry gave no token: ${answer.status}`);
  return token;
}
