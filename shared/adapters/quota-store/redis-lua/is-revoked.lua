-- Mirrors isRevoked of shared/domain/revocation.ts. After revocations.lua.
--
-- KEYS  1 whole  2 revoked
-- ARGV  1 nowMs  2 session's field in `revoked`  3 sub  4 issuedAtMs
-- Returns 'forgotten' (the store lost its memory and is not whole again), 'revoked' or 'valid'

local whole, revoked = KEYS[1], KEYS[2]
if redis.call('EXISTS', whole) == 0 then return 'forgotten' end
local refused = is_revoked(revoked, ARGV[2], ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[1]))
return refused and 'revoked' or 'valid'
