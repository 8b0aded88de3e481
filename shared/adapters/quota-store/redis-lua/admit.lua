-- Mirrors admit of shared/domain/quota-machine.ts. After accounts.lua, reservations.lua and
-- revocations.lua.
--
-- KEYS  1 accounts  2 reservations  3 reservation expiry  4 outbox  5 orphans  6 caps  7 revoked
--       8 whole
-- ARGV  1 id  2 nowMs  3 session's field in `revoked`  4 sub  5 issuedAtMs  6 caps version
--       7-9 buckets: day, week, month  10 amount to reserve  11 reserveUntilMs  12 draft
--       13 number n of accounts, then n accounts, then for each limit: account, period (1-3), cap
-- Returns
--       {'forgotten'}        the store lost its memory and is not whole again
--       {'revoked'}
--       {'stale', version}   the version of the caps that hold
--       {'blocked' | 'busy' | 'admitted', spent, reserved, …}   two integers for each limit

local outbox, orphans, caps, revoked, whole = KEYS[4], KEYS[5], KEYS[6], KEYS[7], KEYS[8]
local id, now = ARGV[1], tonumber(ARGV[2])
local buckets = { ARGV[7], ARGV[8], ARGV[9] }
local amount, accounts_end = ARGV[10], 13 + tonumber(ARGV[13])

if redis.call('EXISTS', whole) == 0 then return { 'forgotten' } end
if is_revoked(revoked, ARGV[3], ARGV[4], tonumber(ARGV[5]), now) then return { 'revoked' } end
local version = tonumber(redis.call('HGET', caps, 'version') or '0')
if version ~= tonumber(ARGV[6]) then return { 'stale', version } end

local answer, blocked, spoken_for = { 'admitted' }, false, false
for i = accounts_end + 1, #ARGV, 3 do
  local account = account_at(ARGV[i], buckets)
  local period, cap = tonumber(ARGV[i + 1]), tonumber(ARGV[i + 2])
  local spent = account[ledgered_at(period)] + account[pending_at(period)]
  local reserved = account[RESERVED]
  answer[#answer + 1] = spent
  answer[#answer + 1] = reserved
  if spent >= cap then blocked = true end
  -- Only where something is in flight: an idle person is never refused.
  if reserved > 0 and spent + reserved >= cap then spoken_for = true end
end

local function is_known()
  return redis.call('HEXISTS', reservations, id) == 1
    or redis.call('HEXISTS', outbox, id) == 1
    or redis.call('ZSCORE', orphans, id)
end

if blocked then
  answer[1] = 'blocked'
elseif is_known() then
  -- Reserved or settled before.
elseif spoken_for then
  answer[1] = 'busy'
else
  local words = { amount, ARGV[11] }
  for i = 14, accounts_end do
    local account = account_at(ARGV[i], buckets)
    account[RESERVED] = account[RESERVED] + tonumber(amount)
    changed[ARGV[i]] = true
    words[#words + 1] = ARGV[i]
  end
  local lines = changed_lines()
  redis.call('HSET', reservations, id, table.concat(words, ' ') .. '\n' .. ARGV[12])
  redis.call('ZADD', expiry, ARGV[11], id)
  keep(lines)
  return answer
end
keep(changed_lines())
return answer
