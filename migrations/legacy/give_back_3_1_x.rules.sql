 UNION ALL
SELECT 'fk_api_keys_principal_user', 'api_keys', 'the principal is an organization, and 3.1.x takes only users', k.id
  FROM :"schema".api_keys k
 WHERE k.principal_org_id IS NOT NULL
