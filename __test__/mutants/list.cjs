/**
 * Plausible mistakes, each of which a test must notice; see `apply.cjs` for what the fields are. A mistake that
 * `npm run test:mutants` finds to survive needs a better test.
 */

/** @type {import('./apply.cjs').Mutant[]} */
module.exports = [
  // Locks
  {
    name: 'updates-wait-for-locked-sessions',
    mistake: 'the statement that updates many sessions waits for those that others have locked',
    find: 'OFFSET 0 FOR NO KEY UPDATE SKIP LOCKED',
    replace: 'OFFSET 0 FOR NO KEY UPDATE',
    tests: ['batching-waits'],
  },
  {
    name: 'search-for-locked-users-waits',
    mistake: 'the search for the user who is locked waits for the lock itself',
    find: 'SELECT id FROM users WHERE id = ANY($1) FOR KEY SHARE SKIP LOCKED',
    replace: 'SELECT id FROM users WHERE id = ANY($1) FOR KEY SHARE',
    tests: ['batching-locks'],
  },
  {
    name: 'search-for-locked-organizations-waits',
    mistake: 'the search for the organization that is locked waits for the lock itself',
    find: 'SELECT id FROM organizations WHERE id = ANY($2) FOR KEY SHARE SKIP LOCKED',
    replace: 'SELECT id FROM organizations WHERE id = ANY($2) FOR KEY SHARE',
    tests: ['batching-locks'],
  },
  {
    name: 'every-connection-waits',
    mistake: 'where the server lets in no further connection, all of them may wait for locks',
    find: 'self.permits.patient() < self.open()',
    replace: 'true',
    tests: ['full-server'],
  },
  {
    name: 'full-server-refuses',
    mistake: 'a call is refused when the server lets in no further connection, although one of the pool will be free',
    find: 'Err(error) if is_full(&error) && pool.has_others(end).await =>',
    replace: 'Err(error) if is_full(&error) && pool.open() > usize::MAX - 1 =>',
    tests: ['full-server'],
  },
  {
    name: 'full-server-asked-by-all',
    mistake: 'each call asks a server for a connection that refuses them',
    find: 'let is_time = last.asked_at.elapsed() >= ASK_AGAIN;',
    replace: 'let is_time = true;',
    tests: ['full-server'],
  },
  {
    name: 'full-server-not-told',
    mistake: 'a statement that is given up runs on where the server lets in no further connection',
    find: 'signal_over_own(pool, signal, backend)).await.unwrap_or(false)',
    replace: 'signal_over_own(pool, signal, backend)).await.is_some_and(|_| false)',
    tests: ['full-server'],
  },
  {
    name: 'few-start-their-own',
    mistake: 'a few calls start a statement of their own beside that of many',
    find: '(serving <= FEW_CALLS || may_leave >= serving)',
    replace: '(serving <= MAX_CALLS || may_leave >= serving)',
    tests: ['batching'],
  },
  {
    name: 'migrations-wait-at-a-stretch',
    mistake: 'a migration waits for the tables at a stretch, and all statements for them behind it',
    find: 'pub const LOCK_TRY: Duration = Duration::from_millis(500);',
    replace: 'pub const LOCK_TRY: Duration = LOCK_TIMEOUT;',
    tests: ['migrations-traffic'],
  },
  {
    name: 'stuck-behind-stuck',
    mistake: 'a call that waits for a lock without a connection is not tried while others wait with one',
    find: 'if !state.is_trying_stuck\n            && let',
    replace: 'if !state.is_trying_stuck\n            && state.patient == 0\n            && let',
    tests: ['batching-few-connections'],
  },
  {
    name: 'given-up-migrations-are-undone',
    mistake: 'a migration that was given up is said to have changed nothing',
    find: 'Some(caller) if !caller.send(true) =>',
    replace: 'Some(caller) if !caller.send(false) =>',
    tests: ['administration'],
  },
  {
    name: 'sweep-waits',
    mistake: 'a sweep waits for rows that are locked',
    find: ') IS TRUE LIMIT $4 FOR UPDATE SKIP LOCKED)) AND (',
    replace: ') IS TRUE LIMIT $4 FOR UPDATE)) AND (',
    tests: ['sessions'],
  },
  {
    name: 'sweep-of-tokens-waits',
    mistake: 'the sweep of expired e-mail tokens waits for rows that are locked',
    find: `                         WHERE expires_at <= now()
                         ORDER BY expires_at
                         LIMIT $1
                           FOR UPDATE SKIP LOCKED`,
    replace: `                         WHERE expires_at <= now()
                         ORDER BY expires_at
                         LIMIT $1
                           FOR UPDATE`,
    tests: ['email-tokens'],
  },
  {
    name: 'waits-for-locks-take-the-last-connection',
    mistake: 'statements that wait for locks may hold all connections of the pool',
    find: 'Semaphore::new(max.saturating_sub(1))',
    replace: 'Semaphore::new(max)',
    tests: ['batching-few-connections'],
  },
  {
    name: 'stuck-calls-take-no-turns',
    mistake: 'a call that still waits for its lock is tried again before the others that wait for theirs',
    find: 'self.stuck.push_back(waiting);',
    replace: 'self.stuck.push_front(waiting);',
    tests: ['batching-few-connections'],
  },
  {
    name: 'tries-without-end',
    mistake: 'a call that is tried again and again never comes to the end of its time',
    find: '_ if mode == Mode::Try && waiting.call.has_waited_for_lock() =>',
    replace: '_ if mode == Mode::Read && waiting.call.has_waited_for_lock() =>',
    tests: ['batching-few-connections'],
  },
  {
    name: 'delete-locks-the-user-first',
    mistake: 'deleteUser locks the user before the organizations of the user',
    find: '               AND (SELECT count(*) FROM locked) >= 0',
    replace: '',
    tests: ['lock-order'],
  },
  {
    name: 'delete-locks-organizations-in-any-order',
    mistake: 'deleteUser locks the organizations of the user as they come',
    find: `             ORDER BY id
               FOR NO KEY UPDATE
         ), gone AS (`,
    replace: `               FOR NO KEY UPDATE
         ), gone AS (`,
    tests: ['lock-order'],
  },
  {
    name: 'trigger-locks-organizations-in-any-order',
    mistake: 'the trigger locks the organizations of a user that is deleted as they come',
    find: `          ORDER BY o.id
            FOR NO KEY UPDATE'`,
    replace: "            FOR NO KEY UPDATE'",
    tests: ['lock-order'],
  },
  {
    name: 'trigger-inserts-members-in-any-order',
    mistake: 'the trigger inserts members, and so locks users, as they come',
    find: `
          ORDER BY e.user_id'`,
    replace: "'",
    tests: ['lock-order'],
  },
  {
    name: 'trigger-inserts-accounts-in-any-order',
    mistake: 'the trigger inserts OAuth accounts as they come',
    find: `
          ORDER BY link.key COLLATE "C", link.value ->> ''sub'' COLLATE "C"'`,
    replace: "'",
    tests: ['lock-order'],
  },
  {
    name: 'sessions-inserted-in-any-order',
    mistake: 'sessions that are created together are inserted as they were asked for',
    find: '    in_order_of_id.sort_by_key(|session| &session.id.text);',
    replace: '    in_order_of_id.rotate_left(0);',
    tests: ['lock-order'],
  },
  {
    name: 'users-inserted-in-any-order',
    mistake: 'users that are created together are inserted as they were asked for',
    find: '    in_order_of_email.sort_by_cached_key(|user| user.email_key());',
    replace: '    in_order_of_email.rotate_left(0);',
    tests: ['batching-locks'],
  },

  // Calls that travel together
  {
    name: 'one-kind-waits-on-all-its-connections',
    mistake: 'any number of calls of one kind may wait for their locks at once',
    find: 'if B::IS_WRITE && self.patient < max_patient(pool.share()) {',
    replace: 'if B::IS_WRITE {',
    tests: ['batching-waits'],
  },
  {
    name: 'no-connection-left-for-others',
    mistake: 'calls that wait for locks may use all connections of their kind',
    find: 'pub fn max_patient(share: usize) -> usize {\n    share.saturating_sub(1)',
    replace: 'pub fn max_patient(share: usize) -> usize {\n    share',
    tests: ['batching-waits'],
    unit: 'batch::policy',
  },
  {
    name: 'lock-kept-after-the-end',
    mistake: 'calls behind a lock stay there when the one that waited for it has ended',
    find: `                    state.queue.release(call.serial_key.take(), call.holds.take());
                    answers.push((call, result));`,
    replace: `                    state.queue.release(call.serial_key.take(), None);
                    answers.push((call, result));`,
    tests: ['batching-waits'],
  },
  {
    name: 'lock-kept-after-a-sweep',
    mistake: 'calls behind a lock stay there when the one that waited for it was given up in the queue',
    find: `        for call in &mut removed {
            self.release(call.serial_key.take(), call.holds.take());`,
    replace: `        for call in &mut removed {
            self.release(call.serial_key.take(), None);`,
    tests: ['batching-waits'],
  },
  {
    name: 'lock-kept-after-a-late-leave',
    mistake: 'calls behind a lock stay there when the one that waited for it was given up just before its turn',
    find: `        self.release(waiting.call.serial_key.take(), waiting.call.holds.take());
        None`,
    replace: `        self.release(waiting.call.serial_key.take(), None);
        None`,
    tests: ['batching-waits'],
  },
  {
    name: 'all-refused-with-the-first',
    mistake: 'when the first call has waited long enough for a connection, all that wait are refused',
    find: 'Err(error) if error.code == Code::PoolTimeout => self.refuse_overdue(),',
    replace: 'Err(error) if error.code == Code::PoolTimeout => self.refuse(&pool, Instant::now(), &error),',
    tests: ['batching-waits'],
  },
  {
    name: 'batch-refused-with-its-first',
    mistake:
      'when no connection can be had for a second attempt in the time of one call, all that share the statement fail',
    find: 'if separates || is_others {',
    replace: 'if separates || (is_others && false) {',
    tests: ['batching-waits'],
  },
  {
    name: 'unreadable-row-fails-the-statement',
    mistake: 'a row that cannot be read fails the statement of all',
    find: 'Ok(Self(R::from_row(row)))',
    replace: 'Ok(Self(Ok(R::from_row(row)?)))',
    tests: ['batching-locks'],
  },
  {
    name: 'unreadable-row-is-not-found',
    mistake: 'a row that cannot be read is said not to be there',
    find: 'None if !are_all_readable => None,',
    replace: 'None if !are_all_readable && keys.is_empty() => None,',
    tests: ['batching-locks'],
  },
  {
    name: 'unreadable-role-is-left-out',
    mistake: 'a role that cannot be read is left out of the list of its user',
    find: '*list = list.take().zip(role.ok()).map(|(mut list, role)| {',
    replace: 'let Ok(role) = role else { continue };\n            *list = list.take().map(|mut list| {',
    tests: ['batching-locks'],
  },
  {
    name: 'one-bad-call-fails-all',
    mistake:
      'what the server refuses for a reason that one call may have given is refused to all that share the statement',
    find: '        Code::QueryFailed => true,\n        Code::InvalidInput',
    replace: '        Code::QueryFailed => false,\n        Code::InvalidInput',
    tests: ['batching-locks', 'batching-waits'],
  },
  {
    name: 'identical-organization-is-own',
    mistake: 'createOrganization takes an organization that has the id and is the same for its own',
    find: `            .bind(&members)
            .bind(&metadata)
            .bind(is_in_doubt)`,
    replace: `            .bind(&members)
            .bind(&metadata)
            .bind(is_in_doubt || true)`,
    tests: ['families'],
  },
  {
    name: 'identical-session-is-own',
    mistake: 'createSession, together with others, takes a session that has the id and is the same for its own',
    find: 'bind_columns(query, Items::Many(sessions_by_id)).bind(is_in_doubt)',
    replace: 'bind_columns(query, Items::Many(sessions_by_id)).bind(is_in_doubt || true)',
    tests: ['families'],
  },

  // Connections
  {
    name: 'no-ping-after-rest',
    mistake: 'a connection that has rested for five seconds is not asked whether it lives',
    find: 'connection.rest.elapsed() >= PING_AFTER_IDLE || self.suspected.is_after(connection.rest.since)',
    replace: 'self.suspected.is_after(connection.rest.since)',
    tests: ['lost-connections'],
  },
  {
    name: 'all-doubtful-asked-in-turn',
    mistake: 'when a connection that rested was found dead, the others are asked one after the other',
    find: '            self.close_doubtful();',
    replace: '',
    tests: ['lost-connections'],
  },
  {
    name: 'others-not-suspected',
    mistake: 'when a connection was lost under a statement, the others are used as before',
    find: `            lease.settle(false);
            pool.suspect_idle();`,
    replace: '            lease.settle(false);',
    tests: ['lost-connections'],
  },
  {
    name: 'idle-session-timeout-is-no-loss',
    mistake: 'a connection that the server ended for its rest (57P05) does not count as lost',
    find: '"57P01" | "57P02" | "57P05" => Remedy::RepeatIfHarmless',
    replace: '"57P01" | "57P02" => Remedy::RepeatIfHarmless',
    tests: ['lost-connections'],
    unit: 'db::error',
  },
  {
    name: 'idle-session-timeout-is-another-code',
    mistake: 'a connection that the server ended for its rest (57P05) is no connection_failed',
    find: '"57P03" | "57P05" | "25P03" | "25P04" => Code::ConnectionFailed',
    replace: 'failed.retryable = matches!(server.code(), "57P01" | "57P02" | "57P03")',
    unit: 'db::error',
  },
  {
    name: 'refusal-of-a-moment-is-final',
    mistake: 'a server that refuses connections for the moment (57P05) is not asked again',
    find: 'failed.retryable = matches!(server.code(), "57P01" | "57P02" | "57P03" | "57P05")',
    replace: 'failed.retryable = matches!(server.code(), "57P01" | "57P02" | "57P03")',
    tests: ['connect-errors'],
  },
  {
    name: 'probe-is-not-compared',
    mistake: 'nobody looks whether the start-up options have reached the server',
    find: 'if self.is_pooled() || probe.as_deref() == Some(self.probe.as_str()) {',
    replace: 'if self.is_pooled() || probe.as_deref() == Some(self.probe.as_str()) || !self.probe.is_empty() {',
    tests: ['swallowed-options'],
  },
  {
    name: 'password-file-of-everybody',
    mistake: 'a password file is used although others can read it',
    find: '    if is_readable_by_others(path) {',
    replace: '    if is_readable_by_others(path) && path.as_os_str().is_empty() {',
    tests: ['options-connection'],
  },
  {
    name: 'password-file-of-the-group',
    mistake: 'a password file is used although its group can read it',
    find: 'permissions().mode() & 0o077 != 0',
    replace: 'permissions().mode() & 0o007 != 0',
    tests: ['options-connection'],
  },
  {
    name: 'cancel-at-the-first-host',
    mistake: 'a statement is cancelled at the first host, wherever it runs',
    find: 'target.open_beside(host, Some(GRACE)).await',
    replace: 'target.open_beside(0, Some(GRACE)).await',
    tests: ['cancellation'],
  },
  {
    name: 'cancel-at-the-host-of-another',
    mistake: 'a statement is cancelled at the host where another one was cancelled',
    find: 'self.clone().serve(Arc::clone(target), backend.host)',
    replace: 'self.clone().serve(Arc::clone(target), 1 - backend.host)',
    tests: ['cancellation'],
  },
  {
    name: 'writable-host-is-not-first',
    mistake: 'the hosts are tried in their order, whichever took writes last',
    find: '(is_avoided(host), wants_writes && Some(*host) != latest)',
    replace: '(is_avoided(host), wants_writes && Some(*host) != latest && latest.is_none())',
    tests: ['hosts'],
  },
  {
    name: 'silent-host-is-forgotten',
    mistake: 'a host that was silent is tried first again by the next attempt',
    find: 'since.elapsed() < REMEMBERED',
    replace: 'since.elapsed() > REMEMBERED',
    tests: ['hosts'],
  },
  {
    name: 'cancels-one-by-one',
    mistake: 'the statements of calls that are given up at once are cancelled one after the other',
    find: 'let mut parts = vec![requests];',
    replace: 'let mut parts: Vec<_> = requests.into_iter().map(|request| vec![request]).collect();',
    tests: ['given-up-together'],
  },
  {
    name: 'first-statement-timeout-wins',
    mistake: 'of two statement timeouts among the start-up options the first one counts',
    find: 'settings.iter().rev().find(|(name, _)| name.eq_ignore_ascii_case(wanted))',
    replace: 'settings.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted))',
    tests: ['options-connection'],
  },
  {
    name: 'own-defaults-win',
    mistake: 'our own settings win over those of the caller',
    find: 'DEFAULTS.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).chain(given).collect();',
    replace:
      'given.into_iter().chain(DEFAULTS.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))).collect();',
    tests: ['options-connection'],
  },
  {
    name: 'log-of-the-driver',
    mistake: 'what the driver logs, such as the text of a NOTICE, reaches the logger',
    find: 'metadata.is_event() && metadata.target().starts_with(TARGET) && *metadata.level() <= self.level',
    replace: '!metadata.is_span() && *metadata.level() <= self.level',
    tests: ['logging'],
  },
  {
    name: 'half-opened-connection-is-thrown-away',
    mistake: 'a connection that is opened for a call that gives up is closed',
    find: '            pool.put_back(connection);\n            drop(permit);\n        }\n    };',
    replace: '            drop((connection, permit));\n        }\n    };',
    tests: ['slow-connections'],
  },
  {
    name: 'unidentified-connection-is-thrown-away',
    mistake: 'a connection is closed whose call gives up while it is asked which backend it leads to',
    find: '        if !pool.calls.is_closing()\n            && within(',
    replace: '        if pool.share() > 1_000\n            && within(',
    tests: ['slow-connections'],
  },
  {
    name: 'half-opened-connection-keeps-its-place',
    mistake: 'a connection that nobody waits for is opened for as long as one that somebody waits for',
    find: 'const LEFT: Duration = Duration::from_secs(2);',
    replace: 'const LEFT: Duration = Duration::from_secs(30);',
    tests: ['slow-connections'],
  },
  {
    name: 'half-opened-connection-outlives-the-pool',
    mistake: 'a connection that nobody waits for is opened although the pool has been closed',
    find: '    left.give_up();\n    pool.calls.closing().await;\n',
    replace: '    left.give_up();\n    pool.calls.closing().await;\n    std::future::pending::<()>().await;\n',
    tests: ['slow-connections'],
  },
  {
    name: 'forgotten-connection-keeps-a-worker',
    mistake: 'workers whose connections take long keep others from starting',
    find: '        let is_late = since.elapsed()',
    replace: '        let is_late = self.late > 1_000 && since.elapsed()',
    tests: ['slow-connections'],
  },
  {
    name: 'forgotten-connection-keeps-disconnect-waiting',
    mistake: 'disconnect() waits for a worker that is connecting although no call needs it',
    find: '            if self.is_empty() {\n                return;',
    replace: '            if pool.share() > 1_000 {\n                return;',
    tests: ['slow-connections'],
  },
  {
    name: 'calls-wait-behind-those-of-another-pool',
    mistake: 'after connect() calls wait behind those that disconnect() waits for',
    find: 'find(|lane| lane.is_of(&guard.pool))',
    replace: 'find(|lane| lane.is_of(&guard.pool) || !lane.is_empty())',
    tests: ['shutdown'],
  },
  {
    name: 'times-of-connections-are-lost',
    mistake: 'the times of connections are fetched only when metrics are collected, so that many are lost',
    find: 'if (sinceFetched === 0) core.observation.tellTimes(core.native);',
    replace: '',
    tests: ['otel'],
  },

  // The facade and the queue
  {
    name: 'timeout-beyond-a-timer',
    mistake: 'a timeoutMs that no timer can hold is accepted, and ends the call at once',
    find: 'value >= 0 && value <= MAX_TIMEOUT_MS;',
    replace: 'value >= 0;',
    tests: ['bad-input'],
  },
  {
    name: 'all-results-in-one-turn',
    mistake: 'all results are handed over in one turn of the event loop',
    find: 'const RESULTS_PER_TICK = 16;',
    replace: 'const RESULTS_PER_TICK = 1e9;',
    tests: ['result-delivery'],
  },
  {
    name: 'newest-chunk-first',
    mistake: 'of several chunks of results the newest is read first',
    find: 'const chunk = this.chunks.shift();',
    replace: 'const chunk = this.chunks.pop();',
    tests: ['result-delivery'],
  },
  {
    name: 'chunks-in-reverse',
    mistake: 'several chunks of results leave the core in reverse',
    find: `        chunks
            .into_iter()
            .map(|mut chunk| {`,
    replace: `        chunks
            .into_iter()
            .rev()
            .map(|mut chunk| {`,
    tests: ['result-delivery'],
  },

  // Statements and triggers
  {
    name: 'updated-at-of-the-transaction',
    mistake: 'updated_at is when the transaction began, and goes back when it had to wait',
    find: `GREATEST(
                CAST(pg_catalog.clock_timestamp() AS`,
    replace: `GREATEST(
                CAST(pg_catalog.now() AS`,
    tests: ['updated-at'],
  },
  {
    name: 'rotation-compares-with-the-transaction',
    mistake: 'rotateApiKey compares the expiry with the beginning of its own transaction, and rotates a key twice',
    find: `expires_at > clock_timestamp())
                               OR EXISTS`,
    replace: `expires_at > now())
                               OR EXISTS`,
    tests: ['api-keys'],
  },
  {
    name: 'accounts-trigger-without-search-path',
    mistake: 'the trigger of OAuth accounts runs with the search path of the writer',
    find: `CREATE OR REPLACE FUNCTION auth_sync_oauth_accounts()
RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp`,
    replace: `CREATE OR REPLACE FUNCTION auth_sync_oauth_accounts()
RETURNS trigger
LANGUAGE plpgsql`,
    tests: ['trigger-surroundings'],
  },
  {
    name: 'members-trigger-without-search-path',
    mistake: 'the trigger of members runs with the search path of the writer',
    find: `by bytes.
CREATE OR REPLACE FUNCTION auth_sync_organization_members()
RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp`,
    replace: `by bytes.
CREATE OR REPLACE FUNCTION auth_sync_organization_members()
RETURNS trigger
LANGUAGE plpgsql`,
    tests: ['trigger-surroundings'],
  },
  {
    name: 'leave-trigger-without-search-path',
    mistake: 'the trigger of users that are deleted runs with the search path of the writer',
    find: `CREATE OR REPLACE FUNCTION auth_leave_organizations()
RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp`,
    replace: `CREATE OR REPLACE FUNCTION auth_leave_organizations()
RETURNS trigger
LANGUAGE plpgsql`,
    tests: ['trigger-surroundings'],
  },
  {
    name: 'accounts-trigger-writes-to-public',
    mistake: 'the trigger of OAuth accounts writes to the schema public, wherever its table is',
    find: `link.value ->> ''sub'' COLLATE "C"'
      , TG_TABLE_SCHEMA`,
    replace: `link.value ->> ''sub'' COLLATE "C"'
      , 'public'`,
    tests: ['copies'],
  },
  {
    name: 'members-trigger-writes-to-public',
    mistake: 'the trigger of members writes to the schema public, wherever its table is',
    find: `          ORDER BY e.user_id'
      , TG_TABLE_SCHEMA`,
    replace: `          ORDER BY e.user_id'
      , 'public'`,
    tests: ['copies'],
  },
  {
    name: 'tokens-without-tiebreak',
    mistake: 'e-mail tokens of one time come in any order',
    find: `                 AND expires_at > now()
               ORDER BY created_at DESC, id DESC"`,
    replace: `                 AND expires_at > now()
               ORDER BY created_at DESC"`,
    tests: ['list-order'],
  },
  {
    name: 'api-keys-without-tiebreak',
    mistake: 'API keys of one time come in any order',
    find: 'WHERE principal_user_id = $1 OR principal_org_id = $1 ORDER BY created_at DESC, id DESC"',
    replace: 'WHERE principal_user_id = $1 OR principal_org_id = $1 ORDER BY created_at DESC"',
    tests: ['list-order'],
  },
  {
    name: 'api-keys-by-prefix-without-tiebreak',
    mistake: 'API keys of one prefix and one time come in any order',
    find: 'WHERE prefix = $1 AND last_four = $2 ORDER BY created_at DESC, id DESC"',
    replace: 'WHERE prefix = $1 AND last_four = $2 ORDER BY created_at DESC"',
    tests: ['list-order'],
  },
  {
    name: 'roles-without-tiebreak',
    mistake: 'roles of one time come in any order',
    find: 'FROM roles WHERE org_id = $1 ORDER BY created_at DESC, id DESC"',
    replace: 'FROM roles WHERE org_id = $1 ORDER BY created_at DESC"',
    tests: ['list-order'],
  },
  {
    name: 'roles-of-a-user-without-tiebreak',
    mistake: 'roles of a user that were assigned at one time come in any order',
    find: `assigned_roles!("$1", "$2"),
            " ORDER BY assignment.assigned_at DESC, role.id DESC"`,
    replace: `assigned_roles!("$1", "$2"),
            " ORDER BY assignment.assigned_at DESC"`,
    tests: ['list-order'],
  },
  {
    name: 'roles-of-users-without-tiebreak',
    mistake: 'roles that were assigned at one time come in any order when many users are asked for together',
    find: `assigned_roles!("wanted.user_id", "wanted.org_id"),
                " ORDER BY assignment.assigned_at DESC, role.id DESC"`,
    replace: `assigned_roles!("wanted.user_id", "wanted.org_id"),
                " ORDER BY assignment.assigned_at DESC"`,
    tests: ['list-order'],
  },
  {
    name: 'roles-of-a-user-are-joined',
    mistake: 'a plan that was made while there were few roles reads all roles for one user',
    find: 'FROM roles WHERE id = assignment.role_id OFFSET 0',
    replace: 'FROM roles WHERE id = assignment.role_id',
    tests: ['stale-plans'],
  },
  {
    name: 'sessions-are-locked-for-each-update',
    mistake: 'the statement that updates many sessions finds and locks all of them again for each',
    find: `                    AND id = ANY($1)
                    AND expires_at > now()
                    AND (if_updated_at`,
    replace: `                    AND id IN (SELECT id FROM sessions WHERE id = ANY($1) FOR NO KEY UPDATE SKIP LOCKED)
                    AND expires_at > now()
                    AND (if_updated_at`,
    tests: ['plans'],
  },
  {
    name: 'providers-without-tiebreak',
    mistake: 'SSO providers of one time come in any order',
    find: 'FROM sso_providers ORDER BY created_at DESC, id DESC"',
    replace: 'FROM sso_providers ORDER BY created_at DESC"',
    tests: ['list-order'],
  },
  {
    name: 'providers-of-an-organization-without-tiebreak',
    mistake: 'SSO providers of an organization and of one time come in any order',
    find: 'FROM sso_providers WHERE org_id = $1 OR org_id IS NULL ORDER BY created_at DESC, id DESC"',
    replace: 'FROM sso_providers WHERE org_id = $1 OR org_id IS NULL ORDER BY created_at DESC"',
    tests: ['list-order'],
  },
  {
    name: 'links-without-tiebreak',
    mistake: 'SSO links of one time come in any order',
    find: 'FROM sso_links WHERE user_id = $1 ORDER BY linked_at DESC, id DESC"',
    replace: 'FROM sso_links WHERE user_id = $1 ORDER BY linked_at DESC"',
    tests: ['list-order'],
  },
  {
    name: 'devices-without-tiebreak',
    mistake: 'two-factor devices of one time come in any order',
    find: 'FROM twofa_devices WHERE user_id = $1 ORDER BY created_at DESC, id DESC"',
    replace: 'FROM twofa_devices WHERE user_id = $1 ORDER BY created_at DESC"',
    tests: ['list-order'],
  },
  {
    name: 'backup-codes-without-tiebreak',
    mistake: 'backup codes of one time and position come in any order',
    find: 'WHERE user_id = $1 ORDER BY created_at DESC, position, id DESC"',
    replace: 'WHERE user_id = $1 ORDER BY created_at DESC, position"',
    tests: ['list-order'],
  },
  {
    name: 'backup-codes-without-position',
    mistake: 'backup codes come in the order of their ids instead of the one given',
    find: 'WHERE user_id = $1 ORDER BY created_at DESC, position, id DESC"',
    replace: 'WHERE user_id = $1 ORDER BY created_at DESC, id DESC"',
    tests: ['two-factor'],
  },
  {
    name: 'attempts-overflow',
    mistake: 'attempts at an e-mail token are refused when there have been 2 147 483 647',
    find: 'SET attempts = LEAST(stored.attempts::bigint + 1, 2147483647)',
    replace: 'SET attempts = stored.attempts + 1',
    tests: ['email-tokens'],
  },
  {
    name: 'two-factor-attempts-overflow',
    mistake: 'attempts at a two-factor session are refused when there have been 2 147 483 647',
    find: 'SET attempt_count = LEAST(LEAST(attempt_count, max_attempts)::bigint + 1, 2147483647)',
    replace: 'SET attempt_count = LEAST(attempt_count, max_attempts) + 1',
    tests: ['two-factor'],
  },

  // Edits
  {
    name: 'update-does-not-compare-updated-at',
    mistake: 'updateUser changes the user whatever its updatedAt is',
    find: ' AND ($14 IS NULL OR updated_at = $14)',
    replace: ' AND ($14 IS NULL OR true)',
    tests: ['if-updated-at'],
  },
  {
    name: 'refused-update-reads-the-former-row',
    mistake: 'an update that was refused after it has waited looks at the row as it was before',
    find: '") IS TRUE"), "SHARE"',
    replace: '") IS TRUE"), "KEY SHARE"',
    tests: ['if-updated-at'],
  },
  {
    name: 'members-are-judged-before-the-lock',
    mistake: 'the seats and owners of an organization are counted before it is locked',
    find: `                 WHERE id = $1
                   FOR NO KEY UPDATE
             )
             , written AS (`,
    replace: `                 WHERE id = $1
             )
             , written AS (`,
    tests: ['organization-members-races'],
  },
  {
    name: 'removal-hides-doubt',
    mistake: 'a removal that may have been done before is refused as if it had not',
    find: `    error.context.outcome = db.is_in_doubt().then_some("unknown");
    Err(error)`,
    replace: '    Err(error)',
    tests: ['organization-members-races'],
  },
  {
    name: 'merging-keeps-null',
    mistake: 'merging metadata stores null instead of removing the key',
    find: `") AS member WHERE member.value = 'null')`,
    replace: '") AS member WHERE false)',
    tests: ['merge-metadata'],
  },
  {
    name: 'updated-at-may-stay',
    mistake: 'two changes within a millisecond have the same updatedAt',
    find: "OLD.updated_at OPERATOR(pg_catalog.+) INTERVAL '1 millisecond'",
    replace: 'OLD.updated_at',
    tests: ['updated-at'],
  },
  {
    name: 'expired-session-has-been-changed',
    mistake: 'an update with ifUpdatedAt calls a session changed that expired while it waited',
    find: '            " = $1",\n            $and,\n            " FOR ",',
    replace: '            " = $1",\n            " FOR ",',
    tests: ['if-updated-at'],
  },

  // Transactions
  {
    name: 'commit-of-a-failed-transaction',
    mistake: 'a COMMIT that the server answers with ROLLBACK counts as a success',
    find: 'const COMMIT: &str = "SELECT; COMMIT";',
    replace: 'const COMMIT: &str = "COMMIT";',
    tests: ['transactions-faults'],
  },
  {
    name: 'lost-commit-is-a-failure',
    mistake: 'a COMMIT whose answer was lost is said to have done nothing',
    find: '        if self.has_written {\n            error.retryable = false;',
    replace: '        if self.has_written && error.code == Code::Internal {\n            error.retryable = false;',
    tests: ['transactions-faults'],
  },
  {
    name: 'failed-transaction-keeps-its-locks',
    mistake: 'a transaction that has failed holds its locks until its function ends',
    find: '        self.lock().fail();\n        self.failed.notify_one();',
    replace: '        self.lock().fail();',
    tests: ['transactions'],
  },
  {
    name: 'terminated-worker-keeps-its-locks',
    mistake: 'a worker thread that is terminated leaves its transaction to the time limit',
    find: '        self.0.give_up("nobody waits for the transaction any more".to_owned());',
    replace: '        let _ = Arc::clone(&self.0);',
    tests: ['transactions-limits'],
  },
  {
    name: 'read-only-transaction-replaces-all-connections',
    mistake: 'a write that a read-only transaction refuses counts as one of a server that takes none',
    find: 'remedy == Remedy::RepeatOnceReconnected && plan.is_read_only;',
    replace: 'remedy == Remedy::RepeatOnceReconnected && plan.is_read_only && plan.attempt > 1_000;',
    tests: ['transactions-races'],
  },
  {
    name: 'statements-of-one-call-commit-by-themselves',
    mistake: 'a call of several statements commits the transaction that it is part of',
    find: 'has_begun: true, is_in_doubt: false',
    replace: 'has_begun: false, is_in_doubt: false',
    tests: ['transactions-races'],
  },
  {
    name: 'first-error-can-be-swallowed',
    mistake: 'a transaction of which a call failed resolves if the function catches the error',
    find: '    if (firstError !== undefined) throw firstError;\n    return outcome.value;',
    replace: '    return outcome.value;',
    tests: ['transactions'],
  },
  {
    name: 'refused-call-lets-others-go-on',
    mistake: 'calls made together with one that the facade refuses run all the same',
    find: '    this.cause ??= causeOf(failure.toError(name));',
    replace: '',
    tests: ['transactions'],
  },
  {
    name: 'calls-of-a-failed-transaction-do-not-say-why',
    mistake: 'a call that is answered together with the one that failed before it does not know its error',
    find: '        this.cause ??= causeOf(answer.toError(name));',
    replace: '',
    tests: ['transactions'],
  },
  {
    name: 'calls-of-an-ended-transaction-do-not-say-why',
    mistake: 'a call of a transaction that was ended from outside does not say by whom',
    find: '        error.cause = self.reason().map(|reason| Box::new(earlier_cause(&reason)));\n',
    replace: '',
    tests: ['transactions-limits'],
  },
  {
    name: 'own-error-hides-the-end',
    mistake: 'a transaction that was ended from outside rejects with what its function makes of that',
    find: '    const end = await this.end;',
    replace: '    const end = isAborted(error) ? await this.end : undefined;',
    tests: ['transactions-limits'],
  },
  {
    name: 'aborted-signal-is-not-heard',
    mistake: 'a signal that was aborted between two attempts of a transaction does not end it',
    find: '  if (isAborted) callback();\n',
    replace: '',
    tests: ['transactions-races'],
  },
  {
    name: 'refused-call-keeps-the-locks',
    mistake: 'a call that the facade refuses leaves the transaction and its locks until the function ends',
    find: '    if (!this.isOver) this.core.start(() => this.native.failTransaction()).then(() => this.core.stopListening());',
    replace: '',
    tests: ['transactions'],
  },

  // Waiting
  {
    name: 'stuck-calls-wait-for-connections',
    mistake: 'the time between the tries of a call that waits for a lock counts as waiting for a connection',
    find: '        // Between its tries it waits for the lock, and not for its turn.\n        waiting.call.undone();',
    replace: '        waiting.call.wait_again();',
    tests: ['batching-few-connections'],
  },
  {
    name: 'workers-connect-for-the-oldest',
    mistake: 'a worker gives its connection up when the call that has waited longest may wait no longer',
    find: 'let allowance = if allowance.is_fresh(limit, SLACK) { allowance } else { Allowance::new(limit) };',
    replace: 'let allowance = if allowance.is_fresh(limit, SLACK) { allowance } else { allowance };',
    tests: ['slow-connections'],
  },
  {
    name: 'connecting-waits-for-a-month-of-events',
    mistake: 'the query of connect() locks the parts of auth_events to read their bounds',
    find: 'pg_get_expr(part.relpartbound, 0::pg_catalog.oid)',
    replace: 'pg_get_expr(part.relpartbound, part.oid)',
    tests: ['locked-tables'],
  },
  {
    name: 'overload-is-served-in-order',
    mistake: 'while calls are given up as they wait, the one that has waited longest comes first',
    find: 'state.congested_until = Some(Instant::now() + CONGESTION);',
    replace: 'state.congested_until = Some(Instant::now());',
    tests: ['congestion'],
  },
  {
    name: 'connections-end-with-the-time-of-a-call',
    mistake: 'a connection that is being opened is given up with the call that had little time left',
    find: '(Allowance::new(limit), end) };',
    replace: '(left, None) };',
    tests: ['little-time-left'],
  },
  {
    name: 'no-time-to-get-ready',
    mistake: 'a connection has no more time to get ready than the call has left',
    find: 'end.max(self.options.connection_timeout',
    replace: 'end.min(self.options.connection_timeout',
    tests: ['little-time-left'],
  },
  {
    name: 'stuck-calls-connect-for-nobody',
    mistake: 'a call that waits for a lock and was given up goes on connecting',
    find: 'unless_given_up(waiting.call.caller.clone().map(|caller| vec![caller]), ready).await;',
    replace: 'unless_given_up(None, ready).await;',
    tests: ['slow-connections'],
  },
  {
    name: 'given-up-call-is-answered-late',
    mistake: 'the calls behind one that was given up may be answered before it',
    find: '                drop(lock(&ticket.giving_up));\n',
    replace: '',
    tests: ['observers'],
  },

  // Sweeps
  {
    name: 'sweep-goes-straight-on',
    mistake: 'every sweep begins at the start of a table and goes straight on',
    find: '!self.order.is_dry_run && self.route.may_jump() {',
    replace: '!self.order.is_dry_run && self.route.may_jump() && self.length < 0 {',
    tests: ['sweep'],
  },
  {
    name: 'sweep-forgets-places',
    mistake: 'a sweep that names the places of rows forgets those at the end of a page',
    find: "'block_size')::int4 / 28)",
    replace: "'block_size')::int4 / 500)",
    tests: ['sweep'],
  },
];
