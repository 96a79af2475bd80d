-- A page of all keys: deletes heartbeats and capacities of mitras who are not online. Returns the cursor of the next page.
-- Does nothing once a newer seed has begun, as that has already written keys of mitras who are about to be online.
-- KEYS: epoch, online, synthetic, the running seed. ARGV: epoch, cursor, page size, nonce
if redis.call('GET', KEYS[4]) ~= ARGV[4] then
  return '0'
end
local page = redis.call('SCAN', ARGV[2], 'MATCH', 'mitra:*', 'COUNT', ARGV[3])
local names, ids = {}, {}
for _, prefix in ipairs({ 'mitra:heartbeat:', 'mitra:capacity:' }) do
  for _, key in ipairs(page[2]) do
    if string.sub(key, 1, #prefix) == prefix then
      names[#names + 1] = key
      ids[#ids + 1] = string.sub(key, #prefix + 1)
    end
  end
end
for index, is_online in ipairs(#ids > 0 and redis.call('SMISMEMBER', KEYS[2], unpack(ids)) or {}) do
  if is_online == 0 then
    redis.call('DEL', names[index])
    redis.call('HDEL', KEYS[3], ids[index])
  end
end
return page[1]
