-- The rules that rows of the TypeScript adapter may break: one SELECT each, of the rule's name (that of the
-- constraint which holds it from now on, where there is one), the table, what is wrong, and the row's id.

SELECT 'users_email_key', 'users', 'several users have this e-mail but for ASCII case', u.id
  FROM :"schema".users u
 WHERE lower(u.email COLLATE "C") IN (
           SELECT lower(e.email COLLATE "C") FROM :"schema".users e GROUP BY lower(e.email COLLATE "C") HAVING count(*) > 1
       )
 UNION ALL
SELECT 'users_oauth_check', 'users', 'oauth is not {"<provider>": {"provider": "<provider>", "sub": "<text>", …}, …}', u.id
  FROM :"schema".users u
 WHERE u.oauth NOT IN ('{}', 'null')
   AND CASE
           WHEN jsonb_typeof(u.oauth) = 'object' THEN jsonb_path_exists(u.oauth, '$.keyvalue() ? (
               !(@.value.type() == "object")
               || !(@.value.sub.type() == "string")
               || exists(@.value.provider)
                  && !(@.value.provider.type() == "string" && @.value.provider == @.key)
           )')
           ELSE true
       END
 UNION ALL
(
    WITH links AS MATERIALIZED (
        SELECT u.id, link.key COLLATE "C" AS provider, (link.value ->> 'sub') COLLATE "C" AS sub
          FROM :"schema".users u
         CROSS JOIN LATERAL jsonb_each(CASE WHEN jsonb_typeof(u.oauth) = 'object' THEN u.oauth END) link
         WHERE u.oauth <> '{}'
    )
    SELECT 'user_oauth_accounts_pkey', 'users', 'several users have one OAuth account', l.id
      FROM links l
     WHERE (l.provider, l.sub) IN (SELECT provider, sub FROM links GROUP BY provider, sub HAVING count(*) > 1)
     UNION ALL
    SELECT 'key_length', 'users', 'an OAuth provider or sub is longer than 1024 bytes', l.id
      FROM links l
     WHERE octet_length(l.provider) > 1024
        OR octet_length(l.sub) > 1024
)
 UNION ALL
SELECT 'organizations_members_check', 'organizations', 'members is not [{"userId": "<text>", "role": "owner" | "admin" | "member", …}, …]', o.id
  FROM :"schema".organizations o
 WHERE o.members <> 'null'
   AND CASE
           WHEN jsonb_typeof(o.members) = 'array' THEN
               jsonb_array_length(o.members) <> jsonb_array_length(jsonb_path_query_array(o.members, 'strict $[*] ? (
                   @.userId.type() == "string"
                   && (@.role == "owner" || @.role == "admin" || @.role == "member")
               )'))
           ELSE true
       END
 UNION ALL
SELECT 'organizations_seats_check', 'organizations', 'there are more members than seats, or the seats are negative', o.id
  FROM :"schema".organizations o
 WHERE CASE WHEN jsonb_typeof(o.members) = 'array' THEN jsonb_array_length(o.members) ELSE 0 END > o.seats
 UNION ALL
(
    WITH members AS MATERIALIZED (
        SELECT o.id, member.value ->> 'userId' AS user_id
          FROM :"schema".organizations o
         CROSS JOIN LATERAL jsonb_array_elements(CASE WHEN jsonb_typeof(o.members) = 'array' THEN o.members END) member
    )
    SELECT DISTINCT 'organization_members_pkey', 'organizations', 'a user is a member twice', m.id
      FROM members m
     GROUP BY m.id, m.user_id
    HAVING count(*) > 1
     UNION ALL
    SELECT DISTINCT 'organization_members_user_id_fkey', 'organizations', 'a member is no user', m.id
      FROM members m
     WHERE m.user_id IS NOT NULL
       AND NOT EXISTS (SELECT FROM :"schema".users u WHERE u.id = m.user_id)
)
 UNION ALL
SELECT 'api_keys_principal_check', 'api_keys', 'principal_id is neither a user nor an organization, or is both', k.id
  FROM :"schema".api_keys k
  LEFT JOIN :"schema".users u ON u.id = k.principal_id
  LEFT JOIN :"schema".organizations o ON o.id = k.principal_id
 WHERE num_nonnulls(u.id, o.id) <> 1
 UNION ALL
SELECT 'sessions_user_id_fkey', 'sessions', 'user_id is no user', s.id
  FROM :"schema".sessions s
 WHERE NOT EXISTS (SELECT FROM :"schema".users u WHERE u.id = s.user_id)
 UNION ALL
SELECT 'sessions_org_id_fkey', 'sessions', 'org_id is no organization', s.id
  FROM :"schema".sessions s
 WHERE s.org_id IS NOT NULL
   AND NOT EXISTS (SELECT FROM :"schema".organizations o WHERE o.id = s.org_id)
 UNION ALL
SELECT 'email_verification_tokens_user_id_fkey', 'email_verification_tokens', 'user_id is no user', t.id
  FROM :"schema".email_verification_tokens t
 WHERE t.user_id IS NOT NULL
   AND NOT EXISTS (SELECT FROM :"schema".users u WHERE u.id = t.user_id)
 UNION ALL
SELECT 'email_verification_tokens_type_check', 'email_verification_tokens', 'type is none of verify_email, reset_password, change_email, login_link', t.id
  FROM :"schema".email_verification_tokens t
 WHERE t.type NOT IN ('verify_email', 'reset_password', 'change_email', 'login_link')
 UNION ALL
SELECT 'roles_org_id_fkey', 'roles', 'org_id is no organization', r.id
  FROM :"schema".roles r
 WHERE NOT EXISTS (SELECT FROM :"schema".organizations o WHERE o.id = r.org_id)
 UNION ALL
SELECT 'user_roles_user_id_fkey', 'user_roles', 'user_id is no user', a.id
  FROM :"schema".user_roles a
 WHERE NOT EXISTS (SELECT FROM :"schema".users u WHERE u.id = a.user_id)
 UNION ALL
SELECT 'user_roles_org_id_fkey', 'user_roles', 'org_id is no organization', a.id
  FROM :"schema".user_roles a
 WHERE NOT EXISTS (SELECT FROM :"schema".organizations o WHERE o.id = a.org_id)
 UNION ALL
SELECT 'user_roles_role_id_fkey', 'user_roles', 'the role is not of the organization in org_id', a.id
  FROM :"schema".user_roles a
 WHERE NOT EXISTS (SELECT FROM :"schema".roles r WHERE r.id = a.role_id AND r.org_id = a.org_id)
 UNION ALL
SELECT 'user_roles_user_id_role_id_key', 'user_roles', 'the role is assigned to the user more than once', a.id
  FROM :"schema".user_roles a
 WHERE (a.user_id, a.role_id) IN (
           SELECT b.user_id, b.role_id FROM :"schema".user_roles b GROUP BY b.user_id, b.role_id HAVING count(*) > 1
       )
 UNION ALL
SELECT 'sso_providers_org_id_fkey', 'sso_providers', 'org_id is no organization', p.id
  FROM :"schema".sso_providers p
 WHERE p.org_id IS NOT NULL
   AND NOT EXISTS (SELECT FROM :"schema".organizations o WHERE o.id = p.org_id)
 UNION ALL
SELECT 'sso_providers_type_check', 'sso_providers', 'type is neither oidc nor saml', p.id
  FROM :"schema".sso_providers p
 WHERE p.type NOT IN ('oidc', 'saml')
 UNION ALL
SELECT 'sso_providers_protocol_check', 'sso_providers', 'a column that the protocol needs is NULL: metadata_url, client_id, client_secret of oidc, idp_entity_id, idp_sso_url, sp_entity_id, sp_acs_url of saml', p.id
  FROM :"schema".sso_providers p
 WHERE CASE p.type
           WHEN 'oidc' THEN num_nulls(p.metadata_url, p.client_id, p.client_secret) > 0
           -- The library's other shape had no columns: such rows have none of these, nor any of oidc.
           WHEN 'saml' THEN num_nulls(p.idp_entity_id, p.idp_sso_url, p.sp_entity_id, p.sp_acs_url) > 0
                        AND num_nonnulls(p.idp_entity_id, p.idp_sso_url, p.sp_entity_id, p.sp_acs_url, p.metadata_url, p.client_id, p.client_secret) > 0
       END
 UNION ALL
SELECT 'sso_links_user_id_fkey', 'sso_links', 'user_id is no user', l.id
  FROM :"schema".sso_links l
 WHERE NOT EXISTS (SELECT FROM :"schema".users u WHERE u.id = l.user_id)
 UNION ALL
SELECT 'sso_links_provider_id_provider_subject_key', 'sso_links', 'the subject is linked more than once', l.id
  FROM :"schema".sso_links l
 WHERE (l.provider_id, l.provider_subject) IN (
           SELECT m.provider_id, m.provider_subject FROM :"schema".sso_links m GROUP BY m.provider_id, m.provider_subject HAVING count(*) > 1
       )
 UNION ALL
SELECT 'sso_links_provider_type_check', 'sso_links', 'provider_type is none of saml, oidc, oauth', l.id
  FROM :"schema".sso_links l
 WHERE l.provider_type NOT IN ('saml', 'oidc', 'oauth')
 UNION ALL
SELECT 'sso_sessions_user_id_fkey', 'sso_sessions', 'user_id is no user', s.id
  FROM :"schema".sso_sessions s
 WHERE NOT EXISTS (SELECT FROM :"schema".users u WHERE u.id = s.user_id)
 UNION ALL
SELECT 'sso_sessions_provider_type_check', 'sso_sessions', 'provider_type is none of saml, oidc, oauth', s.id
  FROM :"schema".sso_sessions s
 WHERE s.provider_type NOT IN ('saml', 'oidc', 'oauth')
 UNION ALL
SELECT 'twofa_devices_user_id_fkey', 'twofa_devices', 'user_id is no user', d.id
  FROM :"schema".twofa_devices d
 WHERE NOT EXISTS (SELECT FROM :"schema".users u WHERE u.id = d.user_id)
 UNION ALL
SELECT 'twofa_devices_method_check', 'twofa_devices', 'method is none of totp, sms, backup-code', d.id
  FROM :"schema".twofa_devices d
 WHERE d.method NOT IN ('totp', 'sms', 'backup-code')
 UNION ALL
SELECT 'twofa_backup_codes_user_id_fkey', 'twofa_backup_codes', 'user_id is no user', c.id
  FROM :"schema".twofa_backup_codes c
 WHERE NOT EXISTS (SELECT FROM :"schema".users u WHERE u.id = c.user_id)
 UNION ALL
SELECT 'twofa_sessions_user_id_fkey', 'twofa_sessions', 'user_id is no user', s.id
  FROM :"schema".twofa_sessions s
 WHERE NOT EXISTS (SELECT FROM :"schema".users u WHERE u.id = s.user_id)
 UNION ALL
SELECT 'twofa_sessions_device_id_fkey', 'twofa_sessions', 'device_id is no device', s.id
  FROM :"schema".twofa_sessions s
 WHERE NOT EXISTS (SELECT FROM :"schema".twofa_devices d WHERE d.id = s.device_id)
 UNION ALL
SELECT 'twofa_sessions_method_check', 'twofa_sessions', 'method is none of totp, sms, backup-code', s.id
  FROM :"schema".twofa_sessions s
 WHERE s.method NOT IN ('totp', 'sms', 'backup-code')
 UNION ALL
-- A day within the years 1 to 9999, whatever the zone. NULL compares to nothing.
SELECT 'time_range', t."table", 'a time is infinite or outside the years 1 to 9999', t.id
  FROM (
           SELECT 'users' AS "table", id, LEAST(created_at, updated_at) AS first, GREATEST(created_at, updated_at) AS last FROM :"schema".users
            UNION ALL
           SELECT 'organizations', id, LEAST(created_at, updated_at), GREATEST(created_at, updated_at) FROM :"schema".organizations
            UNION ALL
           SELECT 'api_keys', id, LEAST(expires_at, created_at, updated_at), GREATEST(expires_at, created_at, updated_at) FROM :"schema".api_keys
            UNION ALL
           SELECT 'sessions', id, LEAST(expires_at, created_at, updated_at), GREATEST(expires_at, created_at, updated_at) FROM :"schema".sessions
            UNION ALL
           SELECT 'email_verification_tokens', id, LEAST(expires_at, used_at, created_at), GREATEST(expires_at, used_at, created_at) FROM :"schema".email_verification_tokens
            UNION ALL
           SELECT 'auth_events', id::text, timestamp, timestamp FROM :"schema".auth_events
            UNION ALL
           SELECT 'roles', id, LEAST(created_at, updated_at), GREATEST(created_at, updated_at) FROM :"schema".roles
            UNION ALL
           SELECT 'user_roles', id, assigned_at, assigned_at FROM :"schema".user_roles
            UNION ALL
           SELECT 'sso_providers', id, LEAST(created_at, updated_at), GREATEST(created_at, updated_at) FROM :"schema".sso_providers
            UNION ALL
           SELECT 'sso_links', id, LEAST(linked_at, last_auth_at), GREATEST(linked_at, last_auth_at) FROM :"schema".sso_links
            UNION ALL
           SELECT 'sso_sessions', id, LEAST(expires_at, linked_at, last_auth_at), GREATEST(expires_at, linked_at, last_auth_at) FROM :"schema".sso_sessions
            UNION ALL
           SELECT 'twofa_devices', id, LEAST(last_used_at, created_at, updated_at), GREATEST(last_used_at, created_at, updated_at) FROM :"schema".twofa_devices
            UNION ALL
           SELECT 'twofa_backup_codes', id, LEAST(used_at, created_at), GREATEST(used_at, created_at) FROM :"schema".twofa_backup_codes
            UNION ALL
           SELECT 'twofa_sessions', id, LEAST(expires_at, completed_at, created_at), GREATEST(expires_at, completed_at, created_at) FROM :"schema".twofa_sessions
       ) t
 WHERE t.first < '0001-01-02'
    OR t.last >= '9999-12-31'
 UNION ALL
SELECT 'list_items', l."table", 'a list holds NULL or further lists, or does not begin with 1', l.id
  FROM (
           SELECT 'users' AS "table", id, entitlements AS list FROM :"schema".users
            UNION ALL
           SELECT 'sessions', id, entitlements FROM :"schema".sessions
            UNION ALL
           SELECT 'api_keys', id, scopes FROM :"schema".api_keys
            UNION ALL
           SELECT 'sso_providers', id, scopes FROM :"schema".sso_providers
            UNION ALL
           SELECT 'sso_providers', id, redirect_uris FROM :"schema".sso_providers
       ) l
 WHERE cardinality(l.list) > 0
   AND (array_ndims(l.list) > 1 OR array_lower(l.list, 1) <> 1 OR EXISTS (SELECT FROM unnest(l.list) item WHERE item IS NULL))
 UNION ALL
-- UTC leaves out no hour.
SELECT 'time_zone', t."table", 'a clock in the given time zone never showed this time: it is in the hour left out in spring', t.id
  FROM (
           SELECT 'users' AS "table", id, ARRAY[created_at]::timestamp[] AS server, ARRAY[]::timestamp[] AS client, CASE WHEN updated_at <> created_at THEN updated_at END AS updated, current_setting('auth_postgres.update_zone') AS update_zone
             FROM :"schema".users
            UNION ALL
           SELECT 'organizations', id, ARRAY[created_at]::timestamp[], ARRAY[]::timestamp[], CASE WHEN updated_at <> created_at THEN updated_at END, current_setting('auth_postgres.update_zone')
             FROM :"schema".organizations
            UNION ALL
           SELECT 'api_keys', id, ARRAY[created_at]::timestamp[], ARRAY[expires_at]::timestamp[], CASE WHEN updated_at <> created_at THEN updated_at END, current_setting('auth_postgres.update_zone')
             FROM :"schema".api_keys
            UNION ALL
           SELECT 'sessions', id, ARRAY[created_at]::timestamp[], ARRAY[expires_at]::timestamp[], CASE WHEN updated_at <> created_at THEN updated_at END, current_setting('auth_postgres.update_zone')
             FROM :"schema".sessions
            UNION ALL
           SELECT 'email_verification_tokens', id, ARRAY[used_at, created_at]::timestamp[], ARRAY[expires_at]::timestamp[], NULL::timestamp, NULL::text
             FROM :"schema".email_verification_tokens
            UNION ALL
           SELECT 'auth_events', id::text, ARRAY[]::timestamp[], ARRAY[timestamp]::timestamp[], NULL::timestamp, NULL::text
             FROM :"schema".auth_events
            UNION ALL
           SELECT 'roles', id, ARRAY[created_at]::timestamp[], ARRAY[]::timestamp[], CASE WHEN updated_at <> created_at THEN updated_at END, current_setting('auth_postgres.update_zone')
             FROM :"schema".roles
            UNION ALL
           SELECT 'user_roles', id, ARRAY[assigned_at]::timestamp[], ARRAY[]::timestamp[], NULL::timestamp, NULL::text
             FROM :"schema".user_roles
            UNION ALL
           SELECT 'sso_providers', id, ARRAY[created_at]::timestamp[], ARRAY[]::timestamp[], CASE WHEN updated_at <> created_at THEN updated_at END, current_setting('auth_postgres.client_zone')
             FROM :"schema".sso_providers
            UNION ALL
           SELECT 'sso_links', id, ARRAY[linked_at]::timestamp[], ARRAY[last_auth_at]::timestamp[], NULL::timestamp, NULL::text
             FROM :"schema".sso_links
            UNION ALL
           SELECT 'sso_sessions', id, ARRAY[linked_at]::timestamp[], ARRAY[expires_at, last_auth_at]::timestamp[], NULL::timestamp, NULL::text
             FROM :"schema".sso_sessions
            UNION ALL
           SELECT 'twofa_devices', id, ARRAY[created_at]::timestamp[], ARRAY[last_used_at]::timestamp[], CASE WHEN updated_at <> created_at THEN updated_at END, current_setting('auth_postgres.update_zone')
             FROM :"schema".twofa_devices
            UNION ALL
           SELECT 'twofa_backup_codes', id, ARRAY[used_at, created_at]::timestamp[], ARRAY[]::timestamp[], NULL::timestamp, NULL::text
             FROM :"schema".twofa_backup_codes
            UNION ALL
           SELECT 'twofa_sessions', id, ARRAY[completed_at, created_at]::timestamp[], ARRAY[expires_at]::timestamp[], NULL::timestamp, NULL::text
             FROM :"schema".twofa_sessions
       ) t
 WHERE (current_setting('auth_postgres.server_zone') <> 'UTC' OR current_setting('auth_postgres.client_zone') <> 'UTC')
   AND (
           EXISTS (SELECT FROM unnest(t.server) shown WHERE NOT :"schema".auth_old_is_shown(shown, current_setting('auth_postgres.server_zone')))
        OR EXISTS (SELECT FROM unnest(t.client) shown WHERE NOT :"schema".auth_old_is_shown(shown, current_setting('auth_postgres.client_zone')))
        OR NOT :"schema".auth_old_is_shown(t.updated, t.update_zone)
       )
