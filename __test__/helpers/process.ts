import { spawn } from 'node:child_process';
import { join } from 'node:path';

const ROOT = join(__dirname, '..', '..');

export interface ProcessResult {
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
  durationMs: number;
}

export interface ProcessOptions {
  /** Variables that are added to our own environment. */
  env?: Record<string, string>;
  /** Extra flags of `node`. */
  flags?: string[];
  type?: 'module' | 'commonjs';
  /** A command, with its arguments, that runs node instead of starting it directly. */
  under?: string[];
  /** Kills the process after this time; its `signal` then reads SIGKILL. */
  timeoutMs?: number;
}

/**
 * Runs a script in a Node process of its own. It may say
 * `import { PostgresStorageAdapter } from '@kitiumai/auth-postgres'`, and, being a module, `await`.
 */
export function runScript(
  script: string,
  { env = {}, flags = [], type = 'module', under = [], timeoutMs = 20_000 }: ProcessOptions = {},
): Promise<ProcessResult> {
  const started = performance.now();
  const [command, ...args] = [...under, process.execPath, ...flags, `--input-type=${type}`, '--eval', script];
  const child = spawn(command as string, args, {
    cwd: ROOT,
    // jest's own settings would change what is under test.
    env: { ...process.env, NODE_ENV: '', NODE_OPTIONS: '', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (chunk: string) => {
      output[name] += chunk;
    });
  }
  const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs);
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => {
      clearTimeout(timer);
      resolve({ code, signal, ...output, durationMs: performance.now() - started });
    });
  });
}
