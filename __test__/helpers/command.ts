import { type SpawnOptionsWithoutStdio, spawn } from 'node:child_process';
import { join } from 'node:path';

export const COMMAND = join(__dirname, '..', '..', 'lib', 'cli', 'main.js');

export interface CommandResult {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** Our environment without what would say which database, or whether colours are shown. */
export function commandEnvironment(env: Record<string, string> = {}): NodeJS.ProcessEnv {
  const { AUTH_POSTGRES_URL, DATABASE_URL, NO_COLOR, FORCE_COLOR, ...rest } = process.env;
  return { ...rest, NODE_OPTIONS: '', ...env };
}

/** Starts a program whose stdin stays open. */
export function start(program: string, args: string[], options: SpawnOptionsWithoutStdio = {}, timeoutMs = 25_000) {
  const child = spawn(program, args, options);
  const result: CommandResult = { code: null, stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (chunk: string) => {
      result[name] += chunk;
    });
  }
  const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs);
  const ended = new Promise<CommandResult>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => {
      clearTimeout(timer);
      resolve(Object.assign(result, { code }));
    });
  });
  /** Resolves as soon as the output holds the text. */
  const shows = async (text: string) => {
    while (!(result.stdout + result.stderr).includes(text)) {
      if (child.exitCode !== null) throw new Error(`It ended without "${text}": ${result.stdout}${result.stderr}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  return { child, result, ended, shows };
}

/** Starts `auth-postgres` in a terminal of its own. What it writes to stdout and stderr comes together. */
export function startInTerminal(args: string[], env: Record<string, string> = {}, timeoutMs?: number) {
  // `exec`, since Ctrl-C would end a shell that stays, whatever the command does with it.
  const line = `exec ${[process.execPath, COMMAND, ...args].map((word) => `'${word}'`).join(' ')}`;
  return start(
    'script',
    ['--quiet', '--return', '--command', line, '/dev/null'],
    { env: commandEnvironment({ TERM: 'xterm', ...env }) },
    timeoutMs,
  );
}

/** Runs `auth-postgres` in a pipe, with nothing on stdin. */
export function command(args: string[], env: Record<string, string> = {}): Promise<CommandResult> {
  const { child, ended } = start(process.execPath, [COMMAND, ...args], { env: commandEnvironment(env) });
  child.stdin.end();
  return ended;
}
