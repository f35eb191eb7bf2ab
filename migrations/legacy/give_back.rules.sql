-- What has no place in the tables of the TypeScript adapter, for a rollback to them: SELECTs as in take_over.rules.sql.

SELECT 'tenant_saml_configs', 'tenant_saml_configs', 'the TypeScript adapter has no table for it', c.tenant_id
  FROM :"schema".tenant_saml_configs c
 UNION ALL
SELECT 'event_ids', 'auth_events', 'the id is larger than an integer', e.id::text
  FROM :"schema".auth_events e
 WHERE e.id > 2147483647
 UNION ALL
SELECT 'column_lengths', t."table", 'a text is longer than its column there', t.id
  FROM (
           SELECT 'users' AS "table", id
             FROM :"schema".users
            WHERE GREATEST(length(id), length(email), length(name)) > 255
               OR length(picture) > 1024
               OR length(plan) > 50
            UNION ALL
           SELECT 'organizations', id
             FROM :"schema".organizations
            WHERE GREATEST(length(id), length(name)) > 255
               OR length(plan) > 50
            UNION ALL
           SELECT 'api_keys', id
             FROM :"schema".api_keys
            WHERE GREATEST(length(id), length(principal_id), length(hash)) > 255
               OR length(prefix) > 50
               OR length(last_four) > 4
            UNION ALL
           SELECT 'sessions', id
             FROM :"schema".sessions
            WHERE GREATEST(length(id), length(user_id), length(org_id)) > 255
               OR length(plan) > 50
            UNION ALL
           SELECT 'email_verification_tokens', id
             FROM :"schema".email_verification_tokens
            WHERE GREATEST(length(id), length(email), length(code), length(code_hash), length(user_id)) > 255
            UNION ALL
           SELECT 'auth_events', id::text
             FROM :"schema".auth_events
            WHERE GREATEST(length(principal_id), length(org_id)) > 255
               OR length(type) > 100
            UNION ALL
           SELECT 'roles', id
             FROM :"schema".roles
            WHERE GREATEST(length(id), length(org_id), length(name)) > 255
            UNION ALL
           SELECT 'user_roles', id
             FROM :"schema".user_roles
            WHERE length(id) > 255
            UNION ALL
           SELECT 'sso_providers', id
             FROM :"schema".sso_providers
            WHERE GREATEST(length(id), length(name), length(org_id), length(client_id)) > 255
               OR length(token_endpoint_auth_method) > 50
            UNION ALL
           SELECT 'sso_links', id
             FROM :"schema".sso_links
            WHERE GREATEST(length(id), length(user_id), length(provider_id), length(provider_subject), length(provider_email)) > 255
            UNION ALL
           SELECT 'sso_sessions', id
             FROM :"schema".sso_sessions
            WHERE GREATEST(length(id), length(user_id), length(provider_id), length(provider_subject)) > 255
            UNION ALL
           SELECT 'twofa_devices', id
             FROM :"schema".twofa_devices
            WHERE GREATEST(length(id), length(user_id), length(name)) > 255
               OR length(phone_number) > 50
            UNION ALL
           SELECT 'twofa_backup_codes', id
             FROM :"schema".twofa_backup_codes
            WHERE GREATEST(length(id), length(user_id), length(code)) > 255
            UNION ALL
           SELECT 'twofa_sessions', id
             FROM :"schema".twofa_sessions
            WHERE GREATEST(length(id), length(user_id), length(session_id), length(device_id)) > 255
               OR length(verification_code) > 10
       ) t
 UNION ALL
SELECT 'metadata_keys', f."table", 'fields without a column there have the names of keys of metadata with other values, or metadata is no object', f.id
  FROM (
           SELECT 'twofa_devices' AS "table", d.id, d.metadata, d.extra AS further
             FROM :"schema".twofa_devices d
            UNION ALL
           SELECT 'sso_providers'
                , p.id
                , p.metadata
                , p.extra || jsonb_strip_nulls(jsonb_build_object(
                      'response_type', p.response_type
                    , 'allow_unencrypted_assertion', p.allow_unencrypted_assertion
                  ))
             FROM :"schema".sso_providers p
       ) f
 WHERE f.further <> '{}'
   AND CASE
           WHEN jsonb_typeof(f.metadata) = 'object' THEN
               EXISTS (
                   SELECT
                     FROM jsonb_each(f.further) field
                    WHERE jsonb_exists(f.metadata, field.key)
                      AND f.metadata -> field.key <> field.value
               )
           ELSE true
       END
