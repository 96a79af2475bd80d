-- Stores the beacon's answer that one instance has computed page by page. Returns 0 if it was invalidated meanwhile.
-- KEYS: epoch, snapshot, lease. ARGV: epoch, nonce of the lease, count, ttl
if redis.call('GET', KEYS[3]) ~= ARGV[2] then
  return 0
end
redis.call('DEL', KEYS[3])
local answer = cjson.encode({ available = tonumber(ARGV[3]) > 0, count = tonumber(ARGV[3]) })
redis.call('SET', KEYS[2], answer, 'EX', ARGV[4])
return answer
