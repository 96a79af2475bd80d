-- The beacon's answer that one instance has found page by page, unless an invalidation has overtaken it: then 0.
-- KEYS: epoch, snapshot, lease. ARGV: epoch, whose lease, count, ttl
if redis.call('GET', KEYS[3]) ~= ARGV[2] then
  return 0
end
redis.call('DEL', KEYS[3])
local answer = cjson.encode({ available = tonumber(ARGV[3]) > 0, count = tonumber(ARGV[3]) })
redis.call('SET', KEYS[2], answer, 'EX', ARGV[4])
return answer
