-- Mirrors publishCaps of shared/domain/quota-reports.ts.
--
-- KEYS  1 caps
-- ARGV  1 version  2 table, as JSON
-- Returns 1 when the table is newer and kept, 0 when it is not

local caps = KEYS[1]
local known = tonumber(redis.call('HGET', caps, 'version') or '0')
if tonumber(ARGV[1]) <= known then return 0 end
redis.call('HSET', caps, 'version', ARGV[1], 'table', ARGV[2])
return 1
