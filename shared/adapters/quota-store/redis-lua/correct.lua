-- Mirrors correct of shared/domain/quota-reports.ts. After accounts.lua.
--
-- KEYS  1 accounts
-- ARGV  1-3 buckets of now: day, week, month
--       then for each correction: account, period (1-3), bucket, ledgered, sequence
-- Returns the places (from 0) of the corrections that could not be exact

local buckets = { ARGV[1], ARGV[2], ARGV[3] }
local left = {}
for i = 4, #ARGV, 5 do
  local account = account_at(ARGV[i], buckets)
  local period, bucket = tonumber(ARGV[i + 1]), ARGV[i + 2]
  local pending, total = account[pending_at(period)], tonumber(ARGV[i + 3])
  local is_still = account[SEQUENCE] == tonumber(ARGV[i + 4])
  if not is_still or pending ~= 0 then left[#left + 1] = (i - 4) / 5 end
  if account[period] == bucket then
    local ledgered = math.max(account[ledgered_at(period)], total - pending)
    if is_still then ledgered = math.min(ledgered, total) end
    account[ledgered_at(period)] = ledgered
    changed[ARGV[i]] = true
  end
end
keep(changed_lines())
return left
