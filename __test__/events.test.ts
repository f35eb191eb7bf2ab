/** Events. */
import { useDatabase } from './helpers/database';
import { eventInput } from './helpers/fixtures';

const db = useDatabase();

it('events are stored as they were given', async () => {
  const event = eventInput();
  await expect(db.storage.emitEvent(event)).resolves.toBeUndefined();
  await db.storage.emitEvent({ ...(event as object), orgId: undefined } as never);
  const rows = await db.query(
    'SELECT type, org_id, data, timestamp FROM auth_events WHERE principal_id = $1 ORDER BY id',
    [event.principalId],
  );
  const row = { type: event.type, data: event.data, timestamp: event.timestamp };
  expect(rows).toEqual([
    { ...row, org_id: event.orgId },
    { ...row, org_id: null },
  ]);
});
