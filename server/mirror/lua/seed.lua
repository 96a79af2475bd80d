#!lua
-- One step of a seed: some of the mitras it has read, each carried to Valkey unless a newer version is there. The sets are
-- built beside those in use. A step that is missing (Valkey was emptied, or came back older) ends the seed.
-- KEYS: versions, synthetic, this seed's count of steps, its online, deactivated, versions
-- ARGV: steps before this one, now, '1' when everybody is granted a fresh heartbeat, life in s, then of the mitras: ids
-- (36 characters each), states (one character: o online, d deactivated, b both, - none), versions, loads
if redis.call('GET', KEYS[3]) ~= ARGV[1] then
  return redis.error_reply('LOST what this seed has written is gone')
end
redis.call('INCR', KEYS[3])
local function numbers(text)
  local found = {}
  for number in string.gmatch(text, '%d+') do found[#found + 1] = number end
  return found
end
local ids, versions, loads = {}, numbers(ARGV[7]), numbers(ARGV[8])
for place = 1, #ARGV[5], 36 do ids[#ids + 1] = string.sub(ARGV[5], place, place + 35) end
local known = redis.call('HMGET', KEYS[1], unpack(ids))
local online, deactivated, drawn, newer, settled, gone, capacities, beats = {}, {}, {}, {}, {}, {}, {}, {}
for index, id in ipairs(ids) do
  local state, version = string.sub(ARGV[6], index, index), versions[index]
  local is_online = state == 'o' or state == 'b'
  if is_online then online[#online + 1] = id end
  if state == 'd' or state == 'b' then deactivated[#deactivated + 1] = id end
  if version ~= '0' then
    drawn[#drawn + 1] = id
    drawn[#drawn + 1] = version
  end
  if (tonumber(known[index] or 0) or 0) <= tonumber(version) then
    if version ~= '0' then
      newer[#newer + 1] = id
      newer[#newer + 1] = version
    end
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
local graced, noted = {}, {}
for index, value in ipairs(#beats > 0 and redis.call('MGET', unpack(beats)) or {}) do
  if not value or (ARGV[3] == '1' and value < ARGV[2]) then
    graced[#graced + 1] = beats[index]
    graced[#graced + 1] = ARGV[2]
    noted[#noted + 1] = settled[index]
    noted[#noted + 1] = ARGV[2]
  end
end
local function write(command, key, values)
  if #values > 0 then redis.call(command, key, unpack(values)) end
end
if #capacities > 0 then redis.call('MSET', unpack(capacities)) end
if #graced > 0 then redis.call('MSET', unpack(graced)) end
write('HSET', KEYS[2], noted)
write('HDEL', KEYS[2], gone)
write('HSET', KEYS[1], newer)
write('SADD', KEYS[4], online)
write('SADD', KEYS[5], deactivated)
write('HSET', KEYS[6], drawn)
for index = 3, 6 do redis.call('EXPIRE', KEYS[index], ARGV[4]) end
return 1
