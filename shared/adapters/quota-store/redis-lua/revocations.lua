-- Put before the scripts that ask who is revoked. Mirrors isRevoked of shared/domain/revocation.ts.

-- `key`: hash of "s:" session → untilMs, "u:" sub → untilMs, "b:" sub → issuedBeforeMs. Without
-- a session its field is one that is never set.
local function is_revoked(key, session_field, sub, issued_at, now)
  local session, person, before =
    unpack(redis.call('HMGET', key, session_field, 'u:' .. sub, 'b:' .. sub))
  if session and tonumber(session) > now then return true end
  return person and tonumber(person) > now and issued_at <= tonumber(before)
end
