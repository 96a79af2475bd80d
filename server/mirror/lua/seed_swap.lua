#!lua
-- The last step: puts the new sets in place atomically. A mitra with a newer change since the seed began keeps that state.
-- KEYS: epoch, online, deactivated, versions, snapshot, the running seed, this seed's count of steps, its online,
-- deactivated, versions, changes recorded for it, lease of the snapshot
-- ARGV: nonce, steps before this one, new epoch, '1' if everybody got a fresh heartbeat
if redis.call('GET', KEYS[7]) ~= ARGV[2] or redis.call('GET', KEYS[6]) ~= ARGV[1] then
  return redis.error_reply('LOST what this seed has written is gone, or a newer seed has begun')
end
local function kind(key) return redis.call('TYPE', key).ok end
local online, deactivated, versions = KEYS[8], KEYS[9], KEYS[10]
local was_online, was_deactivated = kind(KEYS[2]) == 'set', kind(KEYS[3]) == 'set'
local changes = redis.call('HGETALL', KEYS[11])
for index = 1, #changes, 2 do
  local id, version = changes[index], changes[index + 1]
  if tonumber(version) > tonumber(redis.call('HGET', versions, id) or 0) then
    redis.call('HSET', versions, id, version)
    local stays = was_online and redis.call('SISMEMBER', KEYS[2], id) == 1
    redis.call(stays and 'SADD' or 'SREM', online, id)
    local shut = was_deactivated and redis.call('SISMEMBER', KEYS[3], id) == 1
    redis.call(shut and 'SADD' or 'SREM', deactivated, id)
  end
end
for index, key in ipairs({ online, deactivated, versions }) do
  redis.call('UNLINK', KEYS[index + 1])
  if redis.call('EXISTS', key) == 1 then
    redis.call('RENAME', key, KEYS[index + 1])
    redis.call('PERSIST', KEYS[index + 1])
  end
end
redis.call('DEL', KEYS[7], KEYS[11], KEYS[12])
if ARGV[4] == '1' or kind(KEYS[5]) ~= 'string' then redis.call('DEL', KEYS[5]) end
redis.call('SET', KEYS[1], ARGV[3])
return redis.call('DBSIZE')
