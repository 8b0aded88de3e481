// The usage-limit headers and 429 bodies of the reference (capture 05c), replayed: the situations
// its captures describe in words are set up here and every header and body must come out the same.
//
// On purpose not the same: none. (The reference answers 500 to a token whose groups are a string;
// such a token is not ours to render, so that exchange has no situation here.)

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { type MicroUsd, ZERO } from '#shared/domain/money.ts';
import type { Period } from '#shared/domain/period.ts';
import type { Standing } from '#shared/domain/quota.ts';
import {
  renderBlocked,
  renderBusy,
  renderUnavailable,
} from '../../services/data-plane/spend-refusals.ts';
import { renderStandingHeaders } from '../../services/data-plane/usage-headers.ts';
import { renderUsageReport } from '../../services/data-plane/usage-report.ts';

interface Exchange {
  name: string;
  request: { path: string };
  response: { status: number; headers: Record<string, string>; body?: unknown };
}

const file = new URL('captures/05c-caps-headers-429.jsonl', import.meta.url);
const captured = readFileSync(file, 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as Exchange);

/** `[period, cap in cents, spent in cents]` */
type Situation = readonly (readonly [Period, number, number])[];

const SITUATIONS: Readonly<Record<string, Situation>> = {
  'no cap': [],
  'stream at 76%': [['monthly', 1000, 760]],
  '50% daily 80% weekly 80% monthly': u2(50, 400, 800),
  '90% daily 80% weekly 10% monthly': u2(90, 400, 100),
  'daily over': u2(100, 0, 0),
  'weekly over': u2(0, 500, 0),
  'monthly over': u2(0, 0, 1000),
  'daily+weekly over': u2(100, 500, 0),
  'all over': u2(100, 500, 1000),
  'daily over, monthly 99%': u2(100, 0, 999),
  'zero cap': [['weekly', 0, 0]],
  'user null overrides org cap': [],
  'org default blocks': [['monthly', 100, 100]],
  'org default 80%': [['monthly', 100, 80]],
  'min: groups g1(500) g2(2000) spent 600': [['monthly', 500, 600]],
  'min: groups g2 only spent 600': [['monthly', 2000, 600]],
  'min: groups g1 + g3(null)': [['monthly', 500, 600]],
  'min: g3(null) only, org 100': [],
  'min: g2 + g4 (daily 50)': [
    ['daily', 50, 600],
    ['monthly', 2000, 600],
  ],
  'min: group not capped -> org 100': [['monthly', 100, 600]],
  'user override 10000 in g1': [['monthly', 10_000, 600]],
  'case: group G1': [['monthly', 100, 0]],
  'max: g1(500) g2(2000) spent 600': [['monthly', 2000, 600]],
  'max: g1 g2 spent 2600': [['monthly', 2000, 2600]],
  'max: g1 g2 g3(null) spent 2600': [],
  'blocked daily w/ message': [['daily', 1, 2]],
  'blocked weekly w/ message': [['weekly', 1, 2]],
  'blocked monthly w/ message': [['monthly', 1, 2]],
};

function u2(daily: number, weekly: number, monthly: number): Situation {
  return [
    ['daily', 100, daily],
    ['weekly', 500, weekly],
    ['monthly', 1000, monthly],
  ];
}

function situationOf(name: string): Situation | null {
  const monthly = /^monthly cap 1000(?: cents)?, spent ([\d.]+)$/.exec(name);
  if (monthly !== null) return [['monthly', 1000, Number(monthly[1])]];
  return SITUATIONS[name] ?? null;
}

function standingsOf(situation: Situation): Standing[] {
  return situation.map(([period, capCents, spentCents]) => ({
    limit: {
      capId: `spl_${period}`,
      account: 'user:u',
      period,
      capMicroUsd: (capCents * 10_000) as MicroUsd,
    },
    spentMicroUsd: Math.round(spentCents * 10_000) as MicroUsd,
    reservedMicroUsd: ZERO,
  }));
}

function usageHeaders(headers: Record<string, string>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).filter(([name]) =>
      /^(anthropic-ratelimit-|retry-after|x-should-retry)/.test(name),
    ),
  );
}

const messages = captured.filter(
  ({ request, response }) =>
    request.path === '/v1/messages' && (response.status === 200 || response.status === 429),
);
// 2026-11-23T12:20:00Z: before every reset that the captures name.
const SOME_TIME = 1_795_436_400_000;

describe('headers on answers that were served', () => {
  for (const { name, response } of messages.filter(
    (exchange) => exchange.response.status === 200,
  )) {
    test(name, () => {
      const situation = situationOf(name) ?? assert.fail(`describe this situation: ${name}`);
      const headers = renderStandingHeaders(standingsOf(situation), SOME_TIME);
      assert.deepEqual(headers, usageHeaders(response.headers));
    });
  }
});

describe('refusals', () => {
  const refused = messages.filter(
    ({ name, response }) => response.status === 429 && !name.startsWith('fail_closed'),
  );
  for (const { name, response } of refused) {
    test(name, () => {
      const situation = situationOf(name) ?? assert.fail(`describe this situation: ${name}`);
      const standings = standingsOf(situation);
      const breached = standings.filter((at) => at.spentMicroUsd >= at.limit.capMicroUsd);
      const expected = usageHeaders(response.headers);
      const reset = Number(expected['anthropic-ratelimit-unified-reset']);
      const nowMs = (reset - Number(expected['retry-after'])) * 1000;
      const said = (response.body as { error: { message: string } }).error.message;
      const blockedMessage = /request an increase.*/.exec(said)?.[0] ?? null;
      const rendered = renderBlocked(
        { outcome: 'blocked', standings, breached },
        { nowMs, blockedMessage },
      );
      assert.deepEqual(
        [rendered.status, rendered.headers, rendered.body],
        [429, expected, response.body],
      );
    });
  }

  test('fail closed', () => {
    const { response } =
      captured.find(({ name }) => name === 'fail_closed: pg down: messages') ?? assert.fail();
    const rendered = renderUnavailable({ blockedMessage: 'ask finops' });
    assert.deepEqual(rendered.headers, usageHeaders(response.headers));
    assert.deepEqual(rendered.body, response.body);
  });

  test('busy is ours alone: retryable, within seconds, and it says what it is', () => {
    for (let nowMs = SOME_TIME; nowMs < SOME_TIME + 10; nowMs += 1) {
      const { status, headers, body } = renderBusy({ standings: [], nowMs, requestId: 'r' });
      assert.equal(status, 429);
      assert.match(String(headers['retry-after']), /^[123]$/);
      assert.equal(body.error.type, 'rate_limit_error');
      assert.match(body.error.message, /reserved by requests still in progress; try again/);
      assert.equal(headers['anthropic-ratelimit-unified-status'], undefined);
    }
  });
});

describe('GET /api/oauth/usage', () => {
  // The reference caches for two seconds and its captures ran faster: only first sights count.
  const firstSights: Readonly<Record<string, Situation>> = {
    'no cap, never seen': [],
    'at 76%': [['monthly', 1000, 760]],
    'u2 50/80/80': u2(50, 400, 800),
    'zero cap': [['weekly', 0, 0]],
    u5: [['monthly', 100, 80]],
  };
  for (const [name, situation] of Object.entries(firstSights)) {
    test(name, () => {
      const { response } =
        captured.find((at) => at.name === name && at.request.path === '/api/oauth/usage') ??
        assert.fail();
      const spent = { daily: ZERO, weekly: ZERO, monthly: ZERO };
      const standings = standingsOf(situation);
      const rendered = renderUsageReport({ standings, spent }, SOME_TIME);
      const text = JSON.stringify(rendered).replace(
        /"resets_at":"\d{4}-\d\d-\d\dT00:00:00\.000Z"/g,
        '"resets_at":"<iso>"',
      );
      assert.equal(text, JSON.stringify(response.body));
    });
  }

  test('without a cap every period shows what was spent, in whole cents', () => {
    const spent = {
      daily: 49_999_999 as MicroUsd,
      weekly: 50_000_000 as MicroUsd,
      monthly: 50_000_010 as MicroUsd,
    };
    const none = (used: number) => ({ limit: null, used_credits: used, utilization: null });
    assert.deepEqual(renderUsageReport({ standings: [], spent }, SOME_TIME), {
      extra_usage: {
        is_enabled: true,
        monthly_limit: null,
        used_credits: 5000,
        utilization: null,
        currency: 'USD',
        daily: none(4999),
        weekly: none(5000),
      },
      limits: [],
    });
  });
});
