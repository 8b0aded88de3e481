-- Mirrors revoke of shared/domain/revocation.ts: of two revocations the later instant stands.
--
-- KEYS  1 revoked  2 revoked until
-- ARGV  1 field, "s:" session or "u:" sub  2 untilMs
--       for a sub also: 3 "b:" sub  4 issuedBeforeMs
-- Returns 1

local revoked, revoked_until = KEYS[1], KEYS[2]
local fields = {}
for i = 1, #ARGV, 2 do
  local known = redis.call('HGET', revoked, ARGV[i])
  local instant = ARGV[i + 1]
  -- Texts are compared as numbers and kept as they came.
  if known and tonumber(known) > tonumber(instant) then instant = known end
  fields[i], fields[i + 1] = ARGV[i], instant
end
redis.call('HSET', revoked, unpack(fields))
redis.call('ZADD', revoked_until, fields[2], ARGV[1])
return 1
