/**
 * One candidate in a process of its own, so that its CPU, memory and event loop are its own: takes orders
 * from the benchmark, `{find}`, `{operation, inFlight, ms}` or `{operation, perSecond, ms}`, and answers each.
 */
import { apiKeyHash, email, organizationOf, sessionId, userId, userOf } from './data.mjs';
import { measure, measurePaced } from './measure.mjs';
import { OPERATIONS } from './operations.mjs';

const { name, url, max, sessions } = JSON.parse(process.argv[2] ?? '{}');
/** @type {{open: import('./candidates/types.js').Open}} */
const { open } = await import(`./candidates/${name}.mjs`);
const candidate = await open({ url, max });

/** What the candidate finds for one of the users: the same for all candidates, or they are not compared. */
async function find() {
  const number = 7;
  return {
    session: await candidate.getSession?.(sessionId(number)),
    noSession: await candidate.getSession?.('nobody'),
    user: await candidate.getUserByEmail?.(email(number)),
    apiKey: await candidate.getApiKeyByHash?.(apiKeyHash(number)),
    roles: await candidate.getUserRoles?.(userId(number), organizationOf(number)),
    context: await candidate.getSessionContext?.(sessionId(number), organizationOf(userOf(number, sessions))),
    updated: await candidate.updateSession?.(sessionId(number + 1), { expiresAt: new Date('2100-01-01T00:00:00Z') }),
  };
}

/** @param {any} order */
async function answer(order) {
  if (order.find) return find();
  const call = OPERATIONS[order.operation]?.(candidate, sessions);
  return call && (order.perSecond ? measurePaced(call, order) : measure(call, order));
}

process.on('message', async (/** @type {any} */ order) => {
  if (order.close) {
    await candidate.close();
    process.disconnect();
    return;
  }
  try {
    process.send?.({ result: (await answer(order)) ?? null });
  } catch (error) {
    process.send?.({ error: /** @type {Error} */ (error).stack ?? String(error) });
  }
});
process.send?.({ result: Object.keys(OPERATIONS).filter((each) => OPERATIONS[each]?.(candidate, sessions)) });
