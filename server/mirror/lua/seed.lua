#!lua
-- One step of a seed: writes some of the mitras, except those with a newer change since the seed began. The sets are built
-- beside those in use. The seed fails if a step is missing (Valkey was emptied or restored), or if a newer seed has begun.
-- KEYS: synthetic, this seed's count of steps, its online, deactivated, versions, changes, the running seed
-- ARGV: nonce, steps before this one, now, '1' if everybody gets a fresh heartbeat, life in s, then of the mitras:
-- ids (36 characters each), states (one character: o online, d deactivated, b both, - none), versions, loads; then the
-- latest plausible time
if redis.call('GET', KEYS[2]) ~= ARGV[2] or redis.call('GET', KEYS[7]) ~= ARGV[1] then
  return redis.error_reply('LOST what this seed has written is gone, or a newer seed has begun')
end
redis.call('INCR', KEYS[2])
local function numbers(text)
  local found = {}
  for number in string.gmatch(text, '%d+') do found[#found + 1] = number end
  return found
end
local ids, versions, loads = {}, numbers(ARGV[8]), numbers(ARGV[9])
for place = 1, #ARGV[6], 36 do ids[#ids + 1] = string.sub(ARGV[6], place, place + 35) end
local noted = redis.call('HMGET', KEYS[6], unpack(ids))
local online, deactivated, drawn, settled, gone, capacities, beats = {}, {}, {}, {}, {}, {}, {}
for index, id in ipairs(ids) do
  local state, version = string.sub(ARGV[7], index, index), versions[index]
  local is_online = state == 'o' or state == 'b'
  if is_online then online[#online + 1] = id end
  if state == 'd' or state == 'b' then deactivated[#deactivated + 1] = id end
  if version ~= '0' then
    drawn[#drawn + 1] = id
    drawn[#drawn + 1] = version
  end
  if (tonumber(noted[index] or 0) or 0) <= tonumber(version) then
    if is_online then
      settled[#settled + 1] = id
      beats[#beats + 1] = 'mitra:heartbeat:' .. id
      capacities[#capacities + 1] = 'mitra:capacity:' .. id
      capacities[#capacities + 1] = loads[index] or '0'
    else
      gone[#gone + 1] = id
    end
  end
end
local graced, synthetic = {}, {}
for index, value in ipairs(#beats > 0 and redis.call('MGET', unpack(beats)) or {}) do
  if not value or (ARGV[4] == '1' and (value < ARGV[3] or value > ARGV[10])) then
    graced[#graced + 1] = beats[index]
    graced[#graced + 1] = ARGV[3]
    synthetic[#synthetic + 1] = settled[index]
    synthetic[#synthetic + 1] = ARGV[3]
  end
end
local function write(command, key, values)
  if #values > 0 then redis.call(command, key, unpack(values)) end
end
if #capacities > 0 then redis.call('MSET', unpack(capacities)) end
if #graced > 0 then redis.call('MSET', unpack(graced)) end
write('HSET', KEYS[1], synthetic)
write('HDEL', KEYS[1], gone)
-- Deleted here, not only with the strays, as the seed may be given up after its last step.
for _, id in ipairs(gone) do redis.call('DEL', 'mitra:heartbeat:' .. id, 'mitra:capacity:' .. id) end
write('SADD', KEYS[3], online)
write('SADD', KEYS[4], deactivated)
write('HSET', KEYS[5], drawn)
for _, index in ipairs({ 2, 3, 4, 5, 7 }) do redis.call('EXPIRE', KEYS[index], ARGV[5]) end
return 1
