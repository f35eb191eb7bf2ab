-- Our rows (auth_old_…), back to the tables of the TypeScript adapter. Fields that have no column there go to
-- metadata, which is where that adapter keeps those of its devices, and where it leaves others alone.

-- into users
INSERT INTO :"schema".users (id, email, name, picture, plan, entitlements, oauth, metadata, created_at, updated_at)
SELECT id
     , email
     , name
     , picture
     , plan
     , entitlements
     , oauth
     , metadata
     , :"schema".auth_old_server_time(created_at)
     , :"schema".auth_old_update_time(updated_at, created_at, 'update_zone'::text)
  FROM :"schema".auth_old_users;

-- into organizations
INSERT INTO :"schema".organizations (id, name, plan, seats, members, metadata, created_at, updated_at)
SELECT id
     , name
     , plan
     , seats
     , members
     , metadata
     , :"schema".auth_old_server_time(created_at)
     , :"schema".auth_old_update_time(updated_at, created_at, 'update_zone'::text)
  FROM :"schema".auth_old_organizations;

-- into sessions
INSERT INTO :"schema".sessions (id, user_id, org_id, plan, entitlements, expires_at, metadata, created_at, updated_at)
SELECT id
     , user_id
     , org_id
     , plan
     , entitlements
     , :"schema".auth_old_client_time(expires_at)
     , metadata
     , :"schema".auth_old_server_time(created_at)
     , :"schema".auth_old_update_time(updated_at, created_at, 'update_zone'::text)
  FROM :"schema".auth_old_sessions;

-- into api_keys
INSERT INTO :"schema".api_keys (id, principal_id, hash, prefix, last_four, scopes, metadata, expires_at, created_at, updated_at)
SELECT id
     , principal_id
     , hash
     , prefix
     , last_four
     , scopes
     , metadata
     , :"schema".auth_old_client_time(expires_at)
     , :"schema".auth_old_server_time(created_at)
     , :"schema".auth_old_update_time(updated_at, created_at, 'update_zone'::text)
  FROM :"schema".auth_old_api_keys;

-- into email_verification_tokens
INSERT INTO :"schema".email_verification_tokens (id, email, code, code_hash, type, user_id, metadata, expires_at, used_at, created_at)
SELECT id
     , email
     , code
     , code_hash
     , type
     , user_id
     , metadata
     , :"schema".auth_old_client_time(expires_at)
     , :"schema".auth_old_server_time(used_at)
     , :"schema".auth_old_server_time(created_at)
  FROM :"schema".auth_old_email_verification_tokens;

-- into email_verification_token_attempts
INSERT INTO :"schema".email_verification_token_attempts (token_id, attempts)
SELECT token_id, attempts
  FROM :"schema".auth_old_email_verification_token_attempts;

-- into auth_events
INSERT INTO :"schema".auth_events (id, type, principal_id, org_id, data, timestamp)
SELECT id
     , type
     , principal_id
     , org_id
     , data
     , :"schema".auth_old_client_time(timestamp)
  FROM :"schema".auth_old_auth_events;

-- A counter that has passed the largest integer, without a row up there, starts again behind the rows.
-- into auth_events' sequence
SELECT setval(
           pg_get_serial_sequence(format('%I.auth_events', current_setting('auth_postgres.schema')), 'id')
         , GREATEST(CASE WHEN s.last_value <= 2147483647 THEN s.last_value ELSE 1 END, m.id)
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
     , is_system
     , permissions
     , metadata
     , :"schema".auth_old_server_time(created_at)
     , :"schema".auth_old_update_time(updated_at, created_at, 'update_zone'::text)
  FROM :"schema".auth_old_roles;

-- into user_roles
INSERT INTO :"schema".user_roles (id, user_id, role_id, org_id, assigned_at)
SELECT id
     , user_id
     , role_id
     , org_id
     , :"schema".auth_old_server_time(assigned_at)
  FROM :"schema".auth_old_user_roles;

-- into sso_providers
INSERT INTO :"schema".sso_providers (
    id, type, name, org_id, metadata_url, client_id, client_secret, token_endpoint_auth_method, idp_entity_id, idp_sso_url
  , idp_slo_url, idp_certificate, sp_entity_id, sp_acs_url, sp_slo_url, signing_cert, signing_key, encryption_enabled
  , force_authn, scopes, redirect_uris, claim_mapping, attribute_mapping, metadata, created_at, updated_at
)
SELECT id
     , type
     , name
     , org_id
     , metadata_url
     , client_id
     , client_secret
     , token_endpoint_auth_method
     , idp_entity_id
     , idp_sso_url
     , idp_slo_url
     , idp_certificate
     , sp_entity_id
     , sp_acs_url
     , sp_slo_url
     , signing_cert
     , signing_key
     , COALESCE(encryption_enabled, false)
     , COALESCE(force_authn, false)
     , COALESCE(scopes, '{}')
     , COALESCE(redirect_uris, '{}')
     , COALESCE(claim_mapping, '{}')
     , COALESCE(attribute_mapping, '{}')
     , CASE
           WHEN extra = '{}' AND num_nonnulls(response_type, allow_unencrypted_assertion) = 0 THEN metadata
           ELSE metadata
                || extra
                || jsonb_strip_nulls(jsonb_build_object(
                       'response_type', response_type
                     , 'allow_unencrypted_assertion', allow_unencrypted_assertion
                   ))
       END
     , :"schema".auth_old_server_time(created_at)
     , :"schema".auth_old_update_time(updated_at, created_at, 'client_zone'::text)
  FROM :"schema".auth_old_sso_providers;

-- into sso_links
INSERT INTO :"schema".sso_links (id, user_id, provider_id, provider_type, provider_subject, provider_email, auto_provisioned, metadata, linked_at, last_auth_at)
SELECT id
     , user_id
     , provider_id
     , provider_type
     , provider_subject
     , provider_email
     , auto_provisioned
     , metadata
     , :"schema".auth_old_server_time(linked_at)
     , :"schema".auth_old_client_time(last_auth_at)
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
     , :"schema".auth_old_server_time(linked_at)
     , :"schema".auth_old_client_time(last_auth_at)
  FROM :"schema".auth_old_sso_sessions;

-- into twofa_devices
INSERT INTO :"schema".twofa_devices (id, user_id, method, name, verified, phone_number, secret, last_used_at, metadata, created_at, updated_at)
SELECT id
     , user_id
     , method
     , name
     , verified
     , phone_number
     , secret
     , :"schema".auth_old_client_time(last_used_at)
     , CASE WHEN extra = '{}' THEN metadata ELSE metadata || extra END
     , :"schema".auth_old_server_time(created_at)
     , :"schema".auth_old_update_time(updated_at, created_at, 'update_zone'::text)
  FROM :"schema".auth_old_twofa_devices;

-- into twofa_backup_codes
INSERT INTO :"schema".twofa_backup_codes (id, user_id, code, used, used_at, created_at)
SELECT id
     , user_id
     , code
     , used
     , :"schema".auth_old_server_time(used_at)
     , :"schema".auth_old_server_time(created_at)
  FROM :"schema".auth_old_twofa_backup_codes
 ORDER BY user_id, position;

-- into twofa_sessions
INSERT INTO :"schema".twofa_sessions (id, user_id, session_id, device_id, method, verification_code, attempt_count, max_attempts, expires_at, completed_at, created_at)
SELECT id
     , user_id
     , session_id
     , device_id
     , method
     , verification_code
     , attempt_count
     , max_attempts
     , :"schema".auth_old_client_time(expires_at)
     , :"schema".auth_old_server_time(completed_at)
     , :"schema".auth_old_server_time(created_at)
  FROM :"schema".auth_old_twofa_sessions;
