-- A SAML provider has the fields of the one shape, in columns, or those of the library's other one, in extra:
-- enabled, entryPoint, issuer and cert. The TypeScript adapter kept nothing of the latter: such rows have neither.
ALTER TABLE sso_providers DROP CONSTRAINT IF EXISTS sso_providers_protocol_check;

ALTER TABLE sso_providers ADD CONSTRAINT sso_providers_protocol_check CHECK (
    CASE type
        WHEN 'oidc' THEN pg_catalog.num_nulls(metadata_url, client_id, client_secret, redirect_uris) = 0
        WHEN 'saml' THEN
            pg_catalog.num_nulls(idp_entity_id, idp_sso_url, sp_entity_id, sp_acs_url) IN (0, 4)
            OR extra ?& '{entryPoint,issuer,cert}'::text[]
    END
);
