-- Hashes of passwords, in a table of their own: whoever reads users does not come across them.
CREATE TABLE password_hashes (
    user_id TEXT COLLATE "C" NOT NULL,
    hash    TEXT NOT NULL,
    CONSTRAINT password_hashes_pkey PRIMARY KEY (user_id),
    CONSTRAINT password_hashes_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE
);

-- Whoever owns users, or may use it, owns this table or may use it, too: the role that migrates need not be the one
-- that the application runs with. The owner comes last, for then the grants are no longer ours to make.
DO $$
DECLARE
    users CONSTANT pg_class := (
        SELECT c
          FROM pg_catalog.pg_class c
         WHERE c.relname = 'users'
           AND c.relnamespace = (SELECT n.oid FROM pg_catalog.pg_namespace n WHERE n.nspname = pg_catalog.current_schema())
    );
    made CONSTANT text := pg_catalog.format('%I.password_hashes', pg_catalog.current_schema());
    granted RECORD;
BEGIN
    FOR granted IN
        SELECT a.privilege_type AS privilege
             , CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END AS option
             , CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(a.grantee)) END AS grantee
          FROM pg_catalog.aclexplode(users.relacl) a
         WHERE a.grantee <> users.relowner
    LOOP
        EXECUTE pg_catalog.format('GRANT %s ON %s TO %s%s', granted.privilege, made, granted.grantee, granted.option);
    END LOOP;
    IF users.relowner <> (SELECT c.relowner FROM pg_catalog.pg_class c WHERE c.oid = made::pg_catalog.regclass) THEN
        EXECUTE pg_catalog.format('ALTER TABLE %s OWNER TO %I', made, pg_catalog.pg_get_userbyid(users.relowner));
    END IF;
END
$$;
