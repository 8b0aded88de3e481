-- Mirrors expired and forgetOrphans of shared/domain/quota-reports.ts, and forgetRevocations of
-- revocation.ts: the sweep that comes by regularly also forgets what is over.
--
-- KEYS  1 reservations  2 reservation expiry  3 orphans  4 revoked  5 revoked until
-- ARGV  1 nowMs  2 limit
-- Returns {id, reservation, id, reservation, …}, those first that expired first

local reservations, expiry, orphans = KEYS[1], KEYS[2], KEYS[3]
local revoked, revoked_until = KEYS[4], KEYS[5]
local now = ARGV[1]

redis.call('ZREMRANGEBYSCORE', orphans, '-inf', now)
for _, field in ipairs(redis.call('ZRANGEBYSCORE', revoked_until, '-inf', now)) do
  redis.call('HDEL', revoked, field)
  if string.sub(field, 1, 2) == 'u:' then
    redis.call('HDEL', revoked, 'b:' .. string.sub(field, 3))
  end
  redis.call('ZREM', revoked_until, field)
end

local found = {}
local ids = redis.call('ZRANGEBYSCORE', expiry, '-inf', now, 'LIMIT', 0, ARGV[2])
for _, id in ipairs(ids) do
  local text = redis.call('HGET', reservations, id)
  if text then
    found[#found + 1] = id
    found[#found + 1] = text
  end
end
return found
