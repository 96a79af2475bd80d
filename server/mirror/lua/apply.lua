-- One mitra's truth, as committed under `version`. Returns 1, or 0 when a newer one has been applied already.
-- KEYS: epoch, versions, online, deactivated, capacity, heartbeat, leaving, seeds under way
-- ARGV: epoch, id, version, is_online, is_active, load, heartbeat of a toggle ('' for none), now
local id, version = ARGV[2], tonumber(ARGV[3])
local known = tonumber(redis.call('HGET', KEYS[2], id) or 0)
if known > version then
  return 0
end
if ARGV[5] == '1' then
  redis.call('SREM', KEYS[4], id)
else
  redis.call('SADD', KEYS[4], id)
end
if ARGV[4] == '1' then
  local pinged = ARGV[7]
  if pinged == '' and redis.call('SISMEMBER', KEYS[3], id) == 0 then
    pinged = ARGV[8]
  end
  if pinged ~= '' then
    local before = redis.call('GET', KEYS[6])
    if not before or #before ~= 24 or before < pinged then
      redis.call('SET', KEYS[6], pinged)
    end
  end
  redis.call('SET', KEYS[5], ARGV[6])
  redis.call('SADD', KEYS[3], id)
else
  redis.call('SREM', KEYS[3], id)
  redis.call('DEL', KEYS[6])
  redis.call('DEL', KEYS[5])
end
redis.call('DEL', KEYS[7])
redis.call('HSET', KEYS[2], id, ARGV[3])
-- A seed that is under way may have read this mitra before the change.
for _, nonce in ipairs(redis.call('SMEMBERS', KEYS[8])) do
  local seed = 'mirror:seed:' .. nonce
  if redis.call('EXISTS', seed .. ':steps') == 1 then
    redis.call('HSET', seed .. ':changes', id, ARGV[3])
    redis.call('EXPIRE', seed .. ':changes', 60)
  else
    redis.call('SREM', KEYS[8], nonce)
  end
end
return 1
