import { spawn } from 'node:child_process';

/** What a program has printed; throws with all of it when the program fails. */
export function runProgram(command: string[], cwd: string, env: Record<string, string> = {}): Promise<string> {
  const [program = '', ...args] = command;
  const child = spawn(program, args, {
    cwd,
    env: { ...inheritedEnvironment(), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    // npm is a batch file there.
    shell: process.platform === 'win32',
  });
  const output = { stdout: '', all: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output.stdout += text;
    output.all += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    output.all += text;
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => {
      if (code === 0) resolve(output.stdout);
      else reject(new Error(`${command.join(' ')} ended with ${code}:\n${output.all}`));
    });
  });
}

/** Ours without what jest, and the npm that runs us, have put there. */
export function inheritedEnvironment(): NodeJS.ProcessEnv {
  const isOurs = (name: string) => !/^(npm_|NODE_ENV$|NODE_OPTIONS$|JEST_|INIT_CWD$|YARN_)/i.test(name);
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => isOurs(name)));
}
