/** What a fault of a few hundred milliseconds may be; each heals itself. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import { END_BACKENDS, type OwnServer } from '../faults/helpers/own-server';
import type { TcpProxy } from '../helpers/proxy';

export interface Mishap {
  name: string;
  happen(): Promise<unknown>;
}

export function mishapsOf(own: OwnServer, proxy: TcpProxy, application: string): Mishap[] {
  const forAWhile = (start: () => unknown, ms: number) => async () => {
    await start();
    await sleep(ms);
    await proxy.heal();
  };
  const restart = (command: 'kill' | 'stop fast' | 'stop immediate') => async () => {
    await own.server.control(command);
    await own.server.control('start');
  };
  return [
    { name: 'connections reset', happen: forAWhile(() => proxy.cut(), 0) },
    { name: 'port closed', happen: forAWhile(() => proxy.close(), 500) },
    { name: 'network stands still', happen: forAWhile(() => proxy.hold(), 400) },
    { name: 'every packet late', happen: forAWhile(() => proxy.delay(20), 1_000) },
    { name: 'slow line', happen: forAWhile(() => proxy.throttle(20_000), 1_000) },
    { name: 'cut after 2 kB up', happen: forAWhile(() => proxy.cutAfter(2_000, 'up'), 800) },
    { name: 'cut after 2 kB down', happen: forAWhile(() => proxy.cutAfter(2_000, 'down'), 800) },
    { name: 'half-open', happen: forAWhile(() => proxy.halfOpen(), 500) },
    {
      name: 'accepted, never answered',
      happen: forAWhile(() => {
        proxy.silence();
        proxy.cut();
      }, 500),
    },
    { name: 'backends ended', happen: () => own.query(END_BACKENDS, [application]) },
    { name: 'statements cancelled', happen: () => own.query(CANCEL, [application]) },
    { name: 'table locked', happen: () => lockFor(own, 400) },
    { name: 'server killed', happen: restart('kill') },
    { name: 'fast shutdown', happen: restart('stop fast') },
    { name: 'immediate shutdown', happen: restart('stop immediate') },
  ];
}

const CANCEL = 'SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE application_name = $1';

async function lockFor(own: OwnServer, ms: number): Promise<void> {
  const client = new Client({ connectionString: own.url });
  await client.connect();
  await client.query('BEGIN');
  await client.query('LOCK TABLE sessions IN ACCESS EXCLUSIVE MODE');
  await sleep(ms);
  await client.end();
}
