/**
 * node-postgres in its pipeline mode: a connection sends a statement without waiting for the answer to the one before. Its
 * pool gives a connection to one caller at a time, so that the clients are chosen here: the one with the fewest statements
 * that wait for an answer.
 */
import pg from 'pg';
import { SCHEMA } from '../data.mjs';
import { callsOf } from './pg.mjs';

/** @type {import('./types.js').Open} */
export async function open({ url, max }) {
  const config = { connectionString: url, options: `-c search_path=${SCHEMA}`, pipeline: true };
  const lines = Array.from({ length: max }, () => ({ client: new pg.Client(config), waiting: 0 }));
  await Promise.all(lines.map(({ client }) => client.connect()));
  const calls = callsOf(async (query) => {
    const line = lines.reduce((least, each) => (each.waiting < least.waiting ? each : least));
    line.waiting += 1;
    try {
      return await line.client.query(query);
    } finally {
      line.waiting -= 1;
    }
  });
  return { ...calls, close: () => Promise.all(lines.map(({ client }) => client.end())) };
}
