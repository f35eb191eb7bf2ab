-- The rows of the TypeScript adapter, from its tables (auth_old_…) to ours. NULL where ours have a default becomes
-- that default, and so does JSON's null; a missing time becomes the nearest one that the row has.

-- into users
INSERT INTO :"schema".users (id, email, name, picture, plan, entitlements, oauth, metadata, created_at, updated_at)
SELECT id
     , email
     , name
     , picture
     , plan
     , entitlements
     , COALESCE(NULLIF(oauth, 'null'), '{}')
     , COALESCE(NULLIF(metadata, 'null'), '{}')
     , COALESCE(:"schema".auth_old_server_time(created_at), now())
     , COALESCE(:"schema".auth_old_update_time(updated_at, created_at, 'update_zone'::text), :"schema".auth_old_server_time(created_at), now())
  FROM :"schema".auth_old_users;

-- into user_oauth_accounts
INSERT INTO :"schema".user_oauth_accounts (provider, sub, user_id)
SELECT link.key, link.value ->> 'sub', u.id
  FROM :"schema".users u
 CROSS JOIN jsonb_each(u.oauth) link
 WHERE u.oauth <> '{}';

-- into organizations
INSERT INTO :"schema".organizations (id, name, plan, seats, members, metadata, created_at, updated_at)
SELECT id
     , name
     , plan
     , seats
     , COALESCE(NULLIF(members, 'null'), '[]')
     , COALESCE(NULLIF(metadata, 'null'), '{}')
     , COALESCE(:"schema".auth_old_server_time(created_at), now())
     , COALESCE(:"schema".auth_old_update_time(updated_at, created_at, 'update_zone'::text), :"schema".auth_old_server_time(created_at), now())
  FROM :"schema".auth_old_organizations;

-- into organization_members
INSERT INTO :"schema".organization_members (org_id, user_id)
SELECT o.id, member.value ->> 'userId'
  FROM :"schema".organizations o
 CROSS JOIN jsonb_array_elements(o.members) member;

-- into sessions
INSERT INTO :"schema".sessions (id, user_id, org_id, plan, entitlements, expires_at, metadata, created_at, updated_at)
SELECT id
     , user_id
     , org_id
     , plan
     , entitlements
     , :"schema".auth_old_client_time(expires_at)
     , COALESCE(NULLIF(metadata, 'null'), '{}')
     , COALESCE(:"schema".auth_old_server_time(created_at), now())
     , COALESCE(:"schema".auth_old_update_time(updated_at, created_at, 'update_zone'::text), :"schema".auth_old_server_time(created_at), now())
  FROM :"schema".auth_old_sessions;

-- into api_keys
INSERT INTO :"schema".api_keys (id, principal_user_id, principal_org_id, hash, prefix, last_four, scopes, metadata, expires_at, created_at, updated_at)
SELECT k.id
     , u.id
     , o.id
     , k.hash
     , k.prefix
     , k.last_four
     , k.scopes
     , COALESCE(NULLIF(k.metadata, 'null'), '{}')
     , :"schema".auth_old_client_time(k.expires_at)
     , COALESCE(:"schema".auth_old_server_time(k.created_at), now())
     , COALESCE(:"schema".auth_old_update_time(k.updated_at, k.created_at, 'update_zone'::text), :"schema".auth_old_server_time(k.created_at), now())
  FROM :"schema".auth_old_api_keys k
  LEFT JOIN :"schema".auth_old_users u ON u.id = k.principal_id
  LEFT JOIN :"schema".auth_old_organizations o ON o.id = k.principal_id;

-- into email_verification_tokens
INSERT INTO :"schema".email_verification_tokens (id, email, code, code_hash, type, user_id, metadata, expires_at, used_at, created_at)
SELECT id
     , email
     , code
     , code_hash
     , type
     , user_id
     , COALESCE(NULLIF(metadata, 'null'), '{}')
     , :"schema".auth_old_client_time(expires_at)
     , :"schema".auth_old_server_time(used_at)
     , COALESCE(:"schema".auth_old_server_time(created_at), now())
  FROM :"schema".auth_old_email_verification_tokens;

-- into email_verification_token_attempts
INSERT INTO :"schema".email_verification_token_attempts (token_id, attempts)
SELECT token_id, COALESCE(attempts, 0)
  FROM :"schema".auth_old_email_verification_token_attempts;

-- into auth_events
INSERT INTO :"schema".auth_events (id, type, principal_id, org_id, data, timestamp)
SELECT id
     , type
     , principal_id
     , org_id
     , COALESCE(NULLIF(data, 'null'), '{}')
     , COALESCE(:"schema".auth_old_client_time(timestamp), now())
  FROM :"schema".auth_old_auth_events;

-- into auth_events' sequence
SELECT setval(
           pg_get_serial_sequence(format('%I.auth_events', current_setting('auth_postgres.schema')), 'id')
         , GREATEST(s.last_value, m.id)
         , s.is_called OR m.id >= s.last_value
       )
  FROM :"schema".auth_old_auth_events_id_seq s
 CROSS JOIN (SELECT COALESCE(max(id), 0) AS id FROM :"schema".auth_events) m;

-- into roles
INSERT INTO :"schema".roles (id, org_id, name, description, is_system, permissions, metadata, created_at, updated_at)
SELECT id
     , org_id
     , name
     , description
     , COALESCE(is_system, false)
     , COALESCE(NULLIF(permissions, 'null'), '[]')
     , COALESCE(NULLIF(metadata, 'null'), '{}')
     , COALESCE(:"schema".auth_old_server_time(created_at), now())
     , COALESCE(:"schema".auth_old_update_time(updated_at, created_at, 'update_zone'::text), :"schema".auth_old_server_time(created_at), now())
  FROM :"schema".auth_old_roles;

-- into user_roles
INSERT INTO :"schema".user_roles (id, user_id, role_id, org_id, assigned_at)
SELECT id
     , user_id
     , role_id
     , org_id
     , COALESCE(:"schema".auth_old_server_time(assigned_at), now())
  FROM :"schema".auth_old_user_roles;

-- What the adapter's defaults have put into the columns of the other protocol was never given: it stays absent.
-- into sso_providers
-- A later migration makes the rule anew, which then holds for providers of the library's other shape, too. Of their
-- fields the old table kept what stood in metadata: our own way back puts it there.
ALTER TABLE :"schema".sso_providers DROP CONSTRAINT sso_providers_protocol_check;
INSERT INTO :"schema".sso_providers (
    id, type, name, org_id, metadata_url, client_id, client_secret, redirect_uris, scopes, token_endpoint_auth_method
  , claim_mapping, idp_entity_id, idp_sso_url, idp_slo_url, idp_certificate, sp_entity_id, sp_acs_url, sp_slo_url
  , signing_cert, signing_key, encryption_enabled, force_authn, attribute_mapping, metadata, extra, created_at, updated_at
)
SELECT id
     , type
     , name
     , org_id
     , metadata_url
     , client_id
     , client_secret
     , CASE type WHEN 'oidc' THEN COALESCE(redirect_uris, '{}') ELSE NULLIF(redirect_uris, '{}') END
     , CASE type WHEN 'oidc' THEN scopes ELSE NULLIF(scopes, '{}') END
     , token_endpoint_auth_method
     , CASE type WHEN 'oidc' THEN NULLIF(claim_mapping, 'null') ELSE NULLIF(NULLIF(claim_mapping, 'null'), '{}') END
     , idp_entity_id
     , idp_sso_url
     , idp_slo_url
     , idp_certificate
     , sp_entity_id
     , sp_acs_url
     , sp_slo_url
     , signing_cert
     , signing_key
     , CASE type WHEN 'saml' THEN encryption_enabled ELSE NULLIF(encryption_enabled, false) END
     , CASE type WHEN 'saml' THEN force_authn ELSE NULLIF(force_authn, false) END
     , CASE type WHEN 'saml' THEN NULLIF(attribute_mapping, 'null') ELSE NULLIF(NULLIF(attribute_mapping, 'null'), '{}') END
     , COALESCE(NULLIF(metadata, 'null'), '{}')
     , CASE
           WHEN type = 'saml' AND num_nonnulls(idp_entity_id, idp_sso_url, sp_entity_id, sp_acs_url) = 0
           THEN (
               SELECT COALESCE(jsonb_object_agg(field.key, field.value), '{}')
                 FROM jsonb_each(CASE WHEN jsonb_typeof(metadata) = 'object' THEN metadata END) AS field
                WHERE field.key IN ('entryPoint', 'issuer', 'cert') AND jsonb_typeof(field.value) = 'string'
                   OR field.key = 'enabled' AND jsonb_typeof(field.value) = 'boolean'
           )
           ELSE '{}'
       END
     , COALESCE(:"schema".auth_old_server_time(created_at), now())
     , COALESCE(:"schema".auth_old_update_time(updated_at, created_at, 'client_zone'::text), :"schema".auth_old_server_time(created_at), now())
  FROM :"schema".auth_old_sso_providers;

-- into sso_links
INSERT INTO :"schema".sso_links (id, user_id, provider_id, provider_type, provider_subject, provider_email, auto_provisioned, metadata, linked_at, last_auth_at)
SELECT id
     , user_id
     , provider_id
     , provider_type
     , provider_subject
     , provider_email
     , COALESCE(auto_provisioned, false)
     , COALESCE(NULLIF(metadata, 'null'), '{}')
     , COALESCE(:"schema".auth_old_server_time(linked_at), now())
     , COALESCE(:"schema".auth_old_client_time(last_auth_at), :"schema".auth_old_server_time(linked_at), now())
  FROM :"schema".auth_old_sso_links;

-- into sso_sessions
INSERT INTO :"schema".sso_sessions (id, user_id, provider_id, provider_type, provider_subject, session_token, expires_at, linked_at, last_auth_at)
SELECT id
     , user_id
     , provider_id
     , provider_type
     , provider_subject
     , session_token
     , :"schema".auth_old_client_time(expires_at)
     , COALESCE(:"schema".auth_old_server_time(linked_at), now())
     , COALESCE(:"schema".auth_old_client_time(last_auth_at), :"schema".auth_old_server_time(linked_at), now())
  FROM :"schema".auth_old_sso_sessions;

-- into twofa_devices
INSERT INTO :"schema".twofa_devices (id, user_id, method, name, verified, phone_number, secret, last_used_at, metadata, created_at, updated_at)
SELECT id
     , user_id
     , method
     , name
     , COALESCE(verified, false)
     , phone_number
     , secret
     , :"schema".auth_old_client_time(last_used_at)
     , COALESCE(NULLIF(metadata, 'null'), '{}')
     , COALESCE(:"schema".auth_old_server_time(created_at), now())
     , COALESCE(:"schema".auth_old_update_time(updated_at, created_at, 'update_zone'::text), :"schema".auth_old_server_time(created_at), now())
  FROM :"schema".auth_old_twofa_devices;

-- into twofa_backup_codes
INSERT INTO :"schema".twofa_backup_codes (id, user_id, code, used, used_at, position, created_at)
SELECT id
     , user_id
     , code
     , COALESCE(used, false)
     , :"schema".auth_old_server_time(used_at)
     , row_number() OVER (PARTITION BY user_id ORDER BY created_at, id COLLATE "C") - 1
     , COALESCE(:"schema".auth_old_server_time(created_at), now())
  FROM :"schema".auth_old_twofa_backup_codes;

-- into twofa_sessions
INSERT INTO :"schema".twofa_sessions (id, user_id, session_id, device_id, method, verification_code, attempt_count, max_attempts, expires_at, created_at, completed_at)
SELECT id
     , user_id
     , session_id
     , device_id
     , method
     , verification_code
     , COALESCE(attempt_count, 0)
     , COALESCE(max_attempts, 5)
     , :"schema".auth_old_client_time(expires_at)
     , COALESCE(:"schema".auth_old_server_time(created_at), now())
     , :"schema".auth_old_server_time(completed_at)
  FROM :"schema".auth_old_twofa_sessions;
