 UNION ALL
SELECT 'password_hashes', 'password_hashes', 'there is no table for hashes of passwords', h.user_id
  FROM :"schema".password_hashes h
