-- Which of these mitras cannot be offered a chat: those with a stale heartbeat, the full ones, and those with unknown load.
-- KEYS: epoch. ARGV: epoch, oldest fresh heartbeat, maximum, ids, one per line
local ids, beats, capacities, silent, full, unknown = {}, {}, {}, {}, {}, {}
for id in string.gmatch(ARGV[4], '[^\n]+') do
  ids[#ids + 1] = id
  beats[#beats + 1] = 'mitra:heartbeat:' .. id
  capacities[#capacities + 1] = 'mitra:capacity:' .. id
end
local pinged, loads = redis.call('MGET', unpack(beats)), redis.call('MGET', unpack(capacities))
for index, id in ipairs(ids) do
  local at, load = pinged[index] and normal(pinged[index]), loads[index]
  if not at or at < ARGV[2] then
    silent[#silent + 1] = id
  elseif not load or not string.match(load, '^%d+$') then
    unknown[#unknown + 1] = id
  elseif tonumber(load) >= tonumber(ARGV[3]) then
    full[#full + 1] = id
  end
end
return { silent, full, unknown }
