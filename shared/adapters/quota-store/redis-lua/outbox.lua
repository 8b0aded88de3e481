-- Mirrors outbox of shared/domain/quota-reports.ts.
--
-- KEYS  1 outbox  2 outbox time
-- ARGV  1 settledBeforeMs  2 limit  3 how many of the oldest to leave out
-- Returns {id, entry, id, entry, …}, oldest first

local outbox, outbox_time = KEYS[1], KEYS[2]
local ids = redis.call('ZRANGEBYSCORE', outbox_time, '-inf', ARGV[1], 'LIMIT', ARGV[3], ARGV[2])
local found = {}
for _, id in ipairs(ids) do
  local text = redis.call('HGET', outbox, id)
  if text then
    found[#found + 1] = id
    found[#found + 1] = text
  end
end
return found
