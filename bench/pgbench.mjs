/** pgbench, PostgreSQL's own client in C: as fast as one prepared statement for each call can be. */
import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { PGBENCH_SESSION, SCHEMA } from './data.mjs';

const run = promisify(execFile);

const SCRIPT = (/** @type {number} */ sessions) => `\\set n random(1, ${sessions})
SELECT id, user_id, org_id, plan, entitlements, expires_at, metadata, created_at, updated_at FROM sessions WHERE id = ${PGBENCH_SESSION} AND expires_at > now();
`;

export class Pgbench {
  static ENTRY = { name: 'pgbench', operations: ['session by id'] };

  name = Pgbench.ENTRY.name;

  /** @param {string} program @param {{url: string, max: number, sessions: number}} target */
  constructor(program, target) {
    this.program = program;
    this.target = target;
    this.directory = mkdtempSync(join(tmpdir(), 'bench-'));
    this.script = join(this.directory, 'session.sql');
    writeFileSync(this.script, SCRIPT(target.sessions));
  }

  /** `undefined` where there is no pgbench. */
  static find() {
    const candidates = [process.env.PGBENCH, '/usr/bin/pgbench'];
    return candidates.find((path) => path && existsSync(path));
  }

  /** @param {{inFlight: number, ms: number}} order */
  async ask({ inFlight, ms }) {
    const clients = Math.min(inFlight, this.target.max);
    const args = ['-n', '-M', 'prepared', '-f', this.script, '-c', clients, '-j', Math.min(clients, 2)];
    const seconds = Math.max(1, Math.round(ms / 1000));
    const { stdout } = await run(this.program, [...args.map(String), '-T', String(seconds), this.target.url], {
      env: { ...process.env, PGOPTIONS: `-c search_path=${SCHEMA}` },
    });
    const rate = Number(/tps = ([\d.]+)/.exec(stdout)?.[1]);
    const average = Number(/latency average = ([\d.]+) ms/.exec(stdout)?.[1]);
    return { rate, calls: rate * seconds, p50: average, p99: 0, p999: 0, cpu: 0, loopP50: 0, loopP99: 0, rss: 0 };
  }

  async close() {
    rmSync(this.directory, { recursive: true });
  }
}
