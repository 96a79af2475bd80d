-- A page of all keys: heartbeats and capacities of mitras who are not online go. Returns the next page's cursor.
-- Only while no newer seed has begun: that one has written keys of mitras whom it is about to show as online.
-- KEYS: epoch, online, synthetic, the seed under way. ARGV: epoch, cursor, size of a page, nonce
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
