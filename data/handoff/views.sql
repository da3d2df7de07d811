-- What the sections of the hand-over share; made anew for each run that is read.

-- Names of keys as other services write them, and the key behind each: its ARN and id, its aliases and their ARNs.
-- Ids and names of aliases mean a key of the same account and Region.
DROP VIEW IF EXISTS temp.key_name;
CREATE TEMP VIEW key_name(account_id, region, name, key) AS
  SELECT account_id, region, arn, arn FROM kms_key
  UNION SELECT account_id, region, id, arn FROM kms_key
  UNION SELECT a.account_id, a.region, a.name, k.arn FROM kms_alias a JOIN kms_key k ON k.account_id = a.account_id AND k.region = a.region AND k.id = a.target_key_id
  UNION SELECT a.account_id, a.region, substr(k.arn, 1, instr(k.arn, ':key/')) || a.name, k.arn FROM kms_alias a JOIN kms_key k ON k.account_id = a.account_id AND k.region = a.region AND k.id = a.target_key_id;

-- What lies under a customer key: the data of the estate, and whatever else of it names a key.
DROP VIEW IF EXISTS temp.under_key;
CREATE TEMP VIEW under_key(key, thing, what) AS
  WITH named(account_id, region, thing, what, kms_key_id) AS (
    SELECT account_id, region, resource, kind, kms_key_id FROM encrypted_resource
    UNION ALL SELECT account_id, region, arn, 'secret', kms_key_id FROM secretsmanager_secret
    UNION ALL SELECT account_id, region, arn, 'parameter', kms_key_id FROM ssm_parameter WHERE type = 'SecureString'
    UNION ALL SELECT account_id, region, (SELECT 'arn:' || (info ->> '$.partition') || ':logs:' FROM run) || region || ':' || account_id || ':log-group:' || name, 'log group', kms_key_id FROM cloudwatch_log_group)
  SELECT d.resource, p.value, CASE
      WHEN p.value LIKE 'arn:%:s3:::%' THEN 'bucket' WHEN p.value LIKE 'arn:%:logs:%' THEN 'log group' WHEN p.value LIKE 'arn:%:aoss:%' THEN 'collection'
      WHEN p.value LIKE 'arn:%:es:%' THEN 'domain' WHEN p.value LIKE 'arn:%:rds:%' THEN 'database' WHEN p.value LIKE 'arn:%:neptune-graph:%' THEN 'graph'
      WHEN p.value LIKE 'arn:%:s3vectors:%' THEN 'vector index' ELSE 'resource' END
    FROM data_key d, json_each(d.protects) p WHERE d.kind = 'customer'
  UNION SELECT n.key, m.thing, m.what FROM named m JOIN key_name n
    ON n.name = m.kms_key_id AND (m.kms_key_id LIKE 'arn:%' OR (n.account_id = m.account_id AND n.region = m.region))
    JOIN kms_key k ON k.arn = n.key WHERE k.key_manager IS NOT 'AWS';

-- Who uses a thing, in words.
DROP VIEW IF EXISTS temp.dependant;
CREATE TEMP VIEW dependant(thing, says) AS
  WITH estate(partition) AS (SELECT coalesce(info ->> '$.partition', 'aws') FROM run),
  base AS (SELECT account_id, region, id, arn, name, storage_id FROM bedrock_knowledge_base)
  SELECT 'arn:' || partition || ':s3:::' || s.bucket_name, 'knowledge base ' || b.name || ' reads documents from it' FROM estate, bedrock_data_source s JOIN base b ON b.account_id = s.account_id AND b.region = s.region AND b.id = s.knowledge_base_id WHERE s.bucket_name <> ''
  UNION SELECT 'arn:' || partition || ':s3:::' || s.intermediate_bucket_name, 'knowledge base ' || b.name || ' keeps parts of documents in it' FROM estate, bedrock_data_source s JOIN base b ON b.account_id = s.account_id AND b.region = s.region AND b.id = s.knowledge_base_id WHERE s.intermediate_bucket_name <> ''
  UNION SELECT s.id, 'knowledge base ' || b.name || ' takes documents in by it' FROM bedrock_data_source s JOIN base b ON b.account_id = s.account_id AND b.region = s.region AND b.id = s.knowledge_base_id
  UNION SELECT storage_id, 'knowledge base ' || name || ' retrieves from it' FROM base WHERE storage_id LIKE 'arn:%'
  UNION SELECT v.resource, 'knowledge base ' || coalesce(b.name, k.value) || ' retrieves from it' FROM vector_store v, json_each(v.knowledge_bases) k LEFT JOIN base b ON b.arn = k.value
  UNION SELECT 'arn:' || partition || ':s3:::' || l.bucket_name, 'invocation logging of ' || l.account_id || ' in ' || l.region_name || ' writes to it' FROM estate, bedrock_model_invocation_logging l WHERE l.bucket_name <> ''
  UNION SELECT 'arn:' || partition || ':s3:::' || l.large_data_bucket_name, 'invocation logging of ' || l.account_id || ' in ' || l.region_name || ' writes long prompts to it' FROM estate, bedrock_model_invocation_logging l WHERE l.large_data_bucket_name <> ''
  UNION SELECT 'arn:' || partition || ':logs:' || l.region_name || ':' || l.account_id || ':log-group:' || l.log_group_name, 'invocation logging of ' || l.account_id || ' in ' || l.region_name || ' writes to it' FROM estate, bedrock_model_invocation_logging l WHERE l.log_group_name <> ''
  UNION SELECT 'arn:' || partition || ':s3:::' || t.bucket_name, 'trail ' || t.name || ' writes to it' FROM estate, cloudtrail_trail t WHERE t.bucket_name <> ''
  UNION SELECT 'arn:' || partition || ':logs:' || f.region || ':' || f.account_id || ':log-group:' || f.log_group_name, 'function ' || f.name || ' writes its log' FROM estate, lambda_function f WHERE f.log_group_name <> ''
  UNION SELECT w.resource, r.value || ' reads it' FROM workload_secret w, json_each(w.readers) r
  UNION SELECT u.resource, w.value || ' runs as it' FROM role_use u, json_each(u.workloads) w
  UNION SELECT v.resource, 'callers of alias ' || v.alias FROM agent_version v WHERE v.alias <> ''
  UNION SELECT g.resource, CASE a.value WHEN 'every call' THEN 'every call: the account enforces it' ELSE 'agent ' || a.value || ' is guarded by it' END FROM guardrail_content g, json_each(g.used_by) a
  UNION SELECT e.resource, 'calls of ' || p.resource || ' pass through it' FROM bedrock_endpoint e JOIN bedrock_path p ON p.vpc_id = e.vpc_id AND p.family = e.family AND p.calls = 1
  UNION SELECT k.key, k.what || ' ' || k.thing || ' lies under it' FROM temp.under_key k;

-- The same, one line for each thing.
DROP VIEW IF EXISTS temp.needed_by;
CREATE TEMP VIEW needed_by(thing, says) AS
  SELECT thing, group_concat(says, '; ') FROM (SELECT thing, says FROM temp.dependant ORDER BY thing, says) GROUP BY thing;
