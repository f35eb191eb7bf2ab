-- The rule as it was. Providers of the other shape stay: the rule then holds for what is written from now on.
ALTER TABLE sso_providers DROP CONSTRAINT sso_providers_protocol_check;

DO $$
DECLARE
    rule CONSTANT text := '
        ALTER TABLE sso_providers ADD CONSTRAINT sso_providers_protocol_check CHECK (
            CASE type
                WHEN ''oidc'' THEN pg_catalog.num_nulls(metadata_url, client_id, client_secret, redirect_uris) = 0
                WHEN ''saml'' THEN pg_catalog.num_nulls(idp_entity_id, idp_sso_url, sp_entity_id, sp_acs_url) = 0
            END
        )';
BEGIN
    EXECUTE rule;
EXCEPTION
    WHEN check_violation THEN
        EXECUTE rule || ' NOT VALID';
END
$$;
