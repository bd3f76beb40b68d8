"""The Redis layout, as the scripts that keep it: one for each verb, each a single round trip and atomic.

    {opshub}:format          string   version of this layout
    {opshub}:g:<owner>       string   generation of a session, a system or everything: the life of its server, then the token
    {opshub}:b:<bucket>      hash     key digest -> packed entry; a bucket is named by the tokens of its owners, joined by a dot
    {opshub}:x:<bucket>      zset     key digest -> when it expires
    {opshub}:i:<token>       set      the buckets that depend on this generation
    {opshub}:due             zset     bucket -> when the first of its entries expires, or earlier
    {opshub}:garbage         set      tokens that were forgotten and whose buckets are still to be freed
    {opshub}:ping            string   what the last readiness check wrote

The braces make all keys of a namespace one slot, for the names of the buckets are only known inside the scripts. `KEYS` are the
owners' generations; `ARGV[1]` is the root, the namespace in its braces. Every key but the format expires by itself.

A generation counts only during the server's life in which it was minted. A restart from an old dump, or the promotion of a
replica that lags, brings evicted generations back; but then `run_id` or `master_replid` is another one, and they are dead.
"""

from drivers.aiocached.redis_script import reading, writing

FORMAT = "1"

_ON_A_MASTER = """
local replication = redis.call('INFO', 'replication')
-- A master that has just become a replica still has its ids and its data. What has nothing to write there would count as done.
if not string.find(replication, 'role:master', 1, true) then
  return redis.error_reply('READONLY this server is a replica by now')
end
"""

_COMMON = (
    _ON_A_MASTER
    + """
local root = ARGV[1]
local LIFE, RENEW_BELOW = 30 * 86400000, 29.5 * 86400000  -- an entry lives 29 days at most

-- The 40 letters of an id that INFO shows; a pattern would take three times as long to find it.
local function id(info, name)
  local _, colon = string.find(info, name, 1, true)
  return string.sub(info, colon + 1, colon + 40)
end

local function keep(key, life, unless)
  if redis.call('PTTL', key) < unless then redis.call('PEXPIRE', key, life) end
end

local function abandon(token)
  if redis.call('EXISTS', root .. ':i:' .. token) == 1 then redis.call('SADD', root .. ':garbage', token) end
end

-- The tokens that are current, in the order of KEYS; nil if one is missing and there are no fresh ones to mint it from.
local function current(fresh)
  local life, tokens = id(redis.call('INFO', 'server'), 'run_id:') .. id(replication, 'master_replid:'), {}
  for place, key in ipairs(KEYS) do
    local stored = redis.call('GET', key)
    if stored and string.sub(stored, 1, #life) == life then
      tokens[place] = string.sub(stored, #life + 1)
      if fresh then keep(key, LIFE, RENEW_BELOW) end
    elseif fresh then
      if stored then abandon(string.sub(stored, -32)) end
      tokens[place] = fresh[place]
      redis.call('SET', key, life .. fresh[place], 'PX', LIFE)
    else
      return nil
    end
  end
  return tokens
end

local function free(bucket)
  redis.call('UNLINK', root .. ':b:' .. bucket, root .. ':x:' .. bucket)
  redis.call('ZREM', root .. ':due', bucket)
  for token in string.gmatch(bucket, '%x+') do redis.call('SREM', root .. ':i:' .. token, bucket) end
end

local function store(tokens, field, packed, expires_at, ttl)
  local bucket = table.concat(tokens, '.')
  redis.call('HSET', root .. ':b:' .. bucket, field, packed)
  redis.call('ZADD', root .. ':x:' .. bucket, expires_at, field)
  redis.call('ZADD', root .. ':due', 'LT', expires_at, bucket)
  keep(root .. ':b:' .. bucket, ttl, tonumber(ttl))
  keep(root .. ':x:' .. bucket, ttl, tonumber(ttl))
  keep(root .. ':due', LIFE, RENEW_BELOW)
  for _, token in ipairs(tokens) do
    redis.call('SADD', root .. ':i:' .. token, bucket)
    keep(root .. ':i:' .. token, LIFE, RENEW_BELOW)
  end
end
"""
)

# It needs hardly any room, and a full server that reads and evicts is not down.
PING = reading(f"""{_ON_A_MASTER}
local format, ping = ARGV[1] .. ':format', ARGV[1] .. ':ping'
redis.call('DEL', ping)  -- a full Redis 6.2 lets a script go on that has written
redis.call('SET', format, '{FORMAT}', 'NX')
redis.call('SET', ping, ARGV[2], 'PX', 60000)
return {{redis.call('GET', format), redis.call('GET', ping)}}
""")

STAMP = reading(f"""{_COMMON}
local tokens = current()
return tokens and table.concat(tokens)
""")

MINT = writing(f"{_COMMON} return table.concat(current({{unpack(ARGV, 2)}}))")

GET = reading(f"""{_COMMON}
local tokens = current()
return tokens and redis.call('HGET', root .. ':b:' .. table.concat(tokens, '.'), ARGV[2])
""")

PUT = writing(f"""{_COMMON}
store(current({{unpack(ARGV, 6)}}), ARGV[2], ARGV[3], ARGV[4], ARGV[5])
return 1
""")

PUT_IF_CURRENT = writing(f"""{_COMMON}
local tokens = current()
if not tokens or table.concat(tokens) ~= ARGV[6] then return 0 end
for _, key in ipairs(KEYS) do keep(key, LIFE, RENEW_BELOW) end
store(tokens, ARGV[2], ARGV[3], ARGV[4], ARGV[5])
return 1
""")

DELETE = reading(f"""{_COMMON}
local tokens = current()
if not tokens then return end
local bucket = table.concat(tokens, '.')
redis.call('HDEL', root .. ':b:' .. bucket, ARGV[2])
redis.call('ZREM', root .. ':x:' .. bucket, ARGV[2])
if redis.call('EXISTS', root .. ':b:' .. bucket) == 0 then free(bucket) end
""")

FORGET = reading(f"""{_COMMON}
for _, key in ipairs(KEYS) do
  local stored = redis.call('GET', key)
  if stored then
    redis.call('DEL', key)
    abandon(string.sub(stored, -32))
  end
end
keep(root .. ':garbage', LIFE, RENEW_BELOW)
""")

PURGE = reading(f"""{_COMMON}
local now, budget = ARGV[2], tonumber(ARGV[3])

local function free_forgotten(token)
  local buckets = redis.call('SPOP', root .. ':i:' .. token, budget)
  for _, bucket in ipairs(buckets) do free(bucket) end
  if #buckets < budget then redis.call('SREM', root .. ':garbage', token) end
  budget = budget - #buckets - 1
end

local function free_expired(bucket)
  local entries, expiries = root .. ':b:' .. bucket, root .. ':x:' .. bucket
  local fields = redis.call('ZRANGE', expiries, '-inf', now, 'BYSCORE', 'LIMIT', 0, budget)
  if #fields > 0 then
    redis.call('HDEL', entries, unpack(fields))
    redis.call('ZREM', expiries, unpack(fields))
  end
  local first = redis.call('ZRANGE', expiries, 0, 0, 'WITHSCORES')
  if first[1] then redis.call('ZADD', root .. ':due', first[2], bucket) else free(bucket) end
  budget = budget - #fields - 1
end

for _, token in ipairs(redis.call('SRANDMEMBER', root .. ':garbage', budget)) do
  if budget > 0 then free_forgotten(token) end
end
if budget > 0 then
  for _, bucket in ipairs(redis.call('ZRANGE', root .. ':due', '-inf', now, 'BYSCORE', 'LIMIT', 0, budget)) do
    if budget > 0 then free_expired(bucket) end
  end
end
return redis.call('SCARD', root .. ':garbage') + redis.call('ZCOUNT', root .. ':due', '-inf', now)
""")

STATISTICS = reading("""
local root, now, sample = ARGV[1], ARGV[2], 100
local buckets = redis.call('ZCARD', root .. ':due')
local entries, seen = 0, 0
for _, bucket in ipairs(redis.call('ZRANDMEMBER', root .. ':due', sample)) do
  seen = seen + 1
  entries = entries + redis.call('HLEN', root .. ':b:' .. bucket)
end
if seen > 0 then entries = entries * buckets / seen end
return {entries, redis.call('SCARD', root .. ':garbage') + redis.call('ZCOUNT', root .. ':due', '-inf', now)}
""")

TIME = reading("return redis.call('TIME')")

USAGE = reading(f"""{_COMMON}
local tokens = current()
if not tokens then return {{0, 0, 0, 0}} end
local index, entries, bytes = root .. ':i:' .. tokens[1], 0, 0
local buckets = redis.call('SRANDMEMBER', index, ARGV[2])
for _, bucket in ipairs(buckets) do
  entries = entries + redis.call('HLEN', root .. ':b:' .. bucket)
  -- Of some entries, for the whole; a server may not have the command, or not for this user.
  local size = bytes >= 0 and redis.pcall('MEMORY', 'USAGE', root .. ':b:' .. bucket)
  if type(size) == 'table' then bytes = -1 elseif size then bytes = bytes + size end
end
return {{entries, bytes, #buckets, redis.call('SCARD', index)}}
""")
