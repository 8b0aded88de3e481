import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { NOON_MS } from '../../../test/support/clock.ts';
import { parseUsageQuery, renderToken } from './usage-report-query.ts';

const parse = (text: string, nowMs = NOON_MS) => parseUsageQuery(new URLSearchParams(text), nowMs);

describe('the days of a usage report', () => {
  for (const [text, startingOn, endingOn] of [
    ['', '2026-11-01', '2026-11-24'],
    ['starting_on=2026-10-31', '2026-10-31', '2026-11-24'],
    ['ending_on=2026-10-31', '2026-10-01', '2026-10-31'],
    ['starting_on=2024-02-29&ending_on=2024-02-29', '2024-02-29', '2024-02-29'],
    ['starting_on=2026-01-01&ending_on=2027-02-04', '2026-01-01', '2027-02-04'],
    ['group_by[]=session&starting_on=2026-10-01&ending_on=2026-10-31', '2026-10-01', '2026-10-31'],
  ] as const) {
    test(text || 'default: this month to date', () => {
      const query = parse(text);
      assert.deepEqual([query.startingOn, query.endingOn], [startingOn, endingOn]);
    });
  }
});

test('what is asked for is read; names without brackets are ignored', () => {
  const text =
    'group_by[]=day&group_by[]=user&group_by[]=day&group_by=model&user_ids[]=b&user_ids[]=a' +
    '&user_ids=c&rbac_group_id=&model=m&billing_group=x&limit=7';
  assert.deepEqual(parse(text), {
    by: ['day', 'user'],
    filter: { subs: new Set(['b', 'a']), group: null, model: 'm', billingGroup: 'x' },
    startingOn: '2026-11-01',
    endingOn: '2026-11-24',
    after: null,
    limit: 7,
  });
});

test('the next page has the days of the first one, also in the next month', () => {
  const first = parse('group_by[]=user&group_by[]=billing_group');
  const page = renderToken(first, ['ü', null]);
  const next = parse(
    `group_by[]=user&group_by[]=billing_group&page=${page}`,
    NOON_MS + 7 * 86_400_000,
  );
  assert.deepEqual(next, { ...first, after: ['ü', null] });
});

describe('a usage report that cannot be asked for names the parameter', () => {
  const token = renderToken(parse('group_by[]=user'), ['ada']);
  const forged = (value: unknown) =>
    Buffer.from(JSON.stringify(value), 'utf8').toString('base64url');
  for (const [text, message] of [
    [
      'group_by[]=team',
      'group_by[]: must be one of user, rbac_group, model, upstream, billing_group, session, day',
    ],
    ['starting_on=yesterday', 'starting_on: must be a day like 2026-11-24'],
    ['starting_on=2026-02-30', 'starting_on: must be a day like 2026-11-24'],
    ['ending_on=2026-11-24T00:00', 'ending_on: must be a day like 2026-11-24'],
    ['starting_on=2026-11-25', 'starting_on: must not be after ending_on'],
    [
      'starting_on=2026-01-01&ending_on=2027-02-05',
      'starting_on: at most 400 days can be asked for at once',
    ],
    [
      'group_by[]=session&starting_on=2026-10-01&ending_on=2026-11-01',
      'starting_on: at most 31 days can be asked for at once when they are grouped by session',
    ],
    [
      `${Array.from({ length: 101 }, (_, nth) => `user_ids[]=${nth}`).join('&')}`,
      'user_ids[]: at most 100 entries per request',
    ],
    ['limit=0', 'limit: must be between 1 and 1000'],
    ['limit=1001', 'limit: must be between 1 and 1000'],
    ['page=x', 'page: invalid page token'],
    [`page=${forged(null)}`, 'page: invalid page token'],
    [`page=${token}`, 'page: invalid page token'],
    [`group_by[]=model&page=${token}`, 'page: invalid page token'],
    [
      `group_by[]=user&page=${forged({ by: ['user'], from: '1', to: '2', key: ['a'] })}`,
      'page: invalid page token',
    ],
    [
      `group_by[]=user&page=${forged({ by: ['user'], from: '2026-11-01', to: '2026-11-02', key: [1] })}`,
      'page: invalid page token',
    ],
  ] as const) {
    test(`${text.slice(0, 60)} → ${message}`, () => {
      assert.throws(() => parse(text), { code: 'invalid_request', message });
    });
  }
});
