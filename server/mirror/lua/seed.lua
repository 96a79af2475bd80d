#!lua
-- Swaps a freshly built mirror in, at once. What changed after the seed's reading keeps its newer state.
-- KEYS: epoch, online, deactivated, versions, synthetic, snapshot, then the temporary online, deactivated, versions, loads
-- ARGV: new epoch, `|postgres|` of the epoch whose versions count, now, '1' when everybody is granted a fresh heartbeat,
-- highest version drawn before the reading: an id not read with no newer one is gone from Postgres
local online, deactivated, versions, loads = KEYS[7], KEYS[8], KEYS[9], KEYS[10]
local function kind(key) return redis.call('TYPE', key).ok end
local function pairs_of(key)
  local flat, found = kind(key) == 'hash' and redis.call('HGETALL', key) or {}, {}
  for i = 1, #flat, 2 do found[flat[i]] = flat[i + 1] end
  return found
end
local epoch = kind(KEYS[1]) == 'string' and redis.call('GET', KEYS[1]) or ''
local same_postgres = string.find(epoch, ARGV[2], 1, true) ~= nil
local known, read, kept = same_postgres and pairs_of(KEYS[4]) or {}, pairs_of(versions), {}
local was_online, was_deactivated = kind(KEYS[2]) == 'set', kind(KEYS[3]) == 'set'
for id, version in pairs(known) do
  if tonumber(version) > tonumber(read[id] or ARGV[5]) then
    kept[id] = true
    redis.call('HSET', versions, id, version)
    local stays = was_online and redis.call('SISMEMBER', KEYS[2], id) == 1
    redis.call(stays and 'SADD' or 'SREM', online, id)
    local shut = was_deactivated and redis.call('SISMEMBER', KEYS[3], id) == 1
    redis.call(shut and 'SADD' or 'SREM', deactivated, id)
  end
end
local load, grace, is_online = pairs_of(loads), pairs_of(KEYS[5]), {}
if kind(KEYS[5]) ~= 'hash' then redis.call('DEL', KEYS[5]) end
for _, id in ipairs(redis.call('SMEMBERS', online)) do
  is_online[id] = true
  local heartbeat = 'mitra:heartbeat:' .. id
  if not kept[id] then
    redis.call('SET', 'mitra:capacity:' .. id, load[id] or '0')
    local value = kind(heartbeat) == 'string' and redis.call('GET', heartbeat)
    if not value or (ARGV[4] == '1' and value < ARGV[3]) then
      redis.call('SET', heartbeat, ARGV[3])
      redis.call('HSET', KEYS[5], id, ARGV[3])
    end
  end
end
for id in pairs(grace) do
  if not is_online[id] then redis.call('HDEL', KEYS[5], id) end
end
for _, prefix in ipairs({ 'mitra:heartbeat:', 'mitra:capacity:' }) do
  for _, key in ipairs(redis.call('KEYS', prefix .. '*')) do
    if not is_online[string.sub(key, #prefix + 1)] then redis.call('DEL', key) end
  end
end
for index, key in ipairs({ online, deactivated, versions }) do
  if redis.call('EXISTS', key) == 1 then
    redis.call('RENAME', key, KEYS[index + 1])
    redis.call('PERSIST', KEYS[index + 1])
  else
    redis.call('DEL', KEYS[index + 1])
  end
end
redis.call('DEL', loads)
if ARGV[4] == '1' or kind(KEYS[6]) ~= 'string' then redis.call('DEL', KEYS[6]) end
redis.call('SET', KEYS[1], ARGV[1])
return 1
