/** An example application in a process of its own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { inheritedEnvironment } from '../package/run';

const EXAMPLES = join(__dirname, '..', '..', 'examples');

const running = new Set<Application>();
afterAll(async () => {
  await Promise.all([...running].map((each) => each.stop('SIGKILL')));
});

export interface ApplicationOptions {
  /** The directory below examples/. */
  name: string;
  /** Arguments of node. */
  args: string[];
  env: Record<string, string>;
  /** What it prints when it takes requests. Its first group is the address. */
  ready: RegExp;
}

export class Application {
  /** What it has printed so far. */
  output = '';
  /** Resolves with the exit code. */
  readonly ended: Promise<number | null>;

  private constructor(
    private readonly child: ChildProcess,
    public url: string,
  ) {
    this.ended = new Promise((resolve) => child.once('close', resolve));
    running.add(this);
  }

  /** Starts it, and resolves when it takes requests. */
  static async start({ name, args, env, ready }: ApplicationOptions): Promise<Application> {
    const child = spawn(process.execPath, args, {
      cwd: join(EXAMPLES, name),
      // Where CI is set, some print in colours even in a pipe.
      env: { ...inheritedEnvironment(), NO_COLOR: '1', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const application = new Application(child, '');
    application.url = await new Promise((resolve, reject) => {
      for (const stream of [child.stdout, child.stderr]) {
        stream.setEncoding('utf8').on('data', (text: string) => {
          application.output += text;
          const [, address] = ready.exec(application.output) ?? [];
          if (address) resolve(address);
        });
      }
      child.once('close', () => reject(new Error(`${name} has ended:\n${application.output}`)));
    });
    return application;
  }

  /** Resolves with the exit code. */
  stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    this.child.kill(signal);
    running.delete(this);
    return this.ended;
  }
}
