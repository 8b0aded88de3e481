// /managed/settings as captured from the reference gateway 2.1.330 (07a): same request, same
// answer. Where Tallygate differs on purpose the capture is named here, with the difference.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { openPolicyServer } from '../support/policy-server.ts';
import { SCENARIOS, type Scenario } from './managed-scenarios.ts';

interface Capture {
  readonly name: string;
  readonly request: { readonly method: string; readonly headers: Record<string, string> };
  readonly response: {
    readonly status: number;
    readonly headers: Record<string, string>;
    readonly body: unknown;
  };
}

const captures = readFileSync(
  new URL('captures/07a-managed-settings.jsonl', import.meta.url),
  'utf8',
)
  .trim()
  .split('\n')
  .map((line): Capture => JSON.parse(line));

/** Ours: one value, another body or another status; every other header and byte is compared. */
const DIFFERENT_ON_PURPOSE = new Map([
  ['role r1 over base', 'sandbox'],
  ['r1 and r2', 'sandbox'],
  ['POST', '405 with Allow'],
  ['no auth', 'x-should-retry'],
]);

/** Volatile, or made by the connection. */
const IGNORED = new Set([
  'x-request-id',
  'x-cc-gateway-version',
  'date',
  'connection',
  'keep-alive',
]);

for (const [index, capture] of captures.entries()) {
  const scenario = SCENARIOS[index];
  const difference = DIFFERENT_ON_PURPOSE.get(capture.name);
  const suffix = difference === undefined ? '' : `, but ${difference} on purpose`;
  test(`capture ${index} "${capture.name}" is answered alike${suffix}`, async () => {
    assert.equal(scenario?.name, capture.name, 'every capture has its scenario, in order');
    const ours = await replay(capture, scenario);
    if (difference === undefined) return assertAlike(ours, capture.response);
    assertDifferent(difference, ours, capture.response);
  });
}

test('the version header is ours', async () => {
  const { headers } = await replay(captures[0], SCENARIOS[0]);
  assert.equal(headers['x-cc-gateway-version'], 'tallygate-test');
});

type Answer = Capture['response'];

async function replay(
  capture: Capture | undefined,
  scenario: Scenario | undefined,
): Promise<Answer> {
  assert.ok(capture !== undefined && scenario !== undefined);
  const { authorization: _, ...headers } = capture.request.headers;
  const { method } = capture.request;
  await using server = await openPolicyServer({ book: scenario.book });
  const response = await server.request(scenario.person, '/managed/settings', { method, headers });
  const text = await response.text();
  const isJson = response.headers.get('content-type')?.startsWith('application/json') ?? false;
  return {
    status: response.status,
    headers: Object.fromEntries(response.headers),
    body: isJson && text !== '' ? JSON.parse(text) : text,
  };
}

function assertAlike(ours: Answer, theirs: Answer): void {
  assert.equal(ours.status, theirs.status);
  assert.deepEqual(ours.body, theirs.body);
  assert.deepEqual(comparable(ours.headers), comparable(theirs.headers));
}

function assertDifferent(difference: string, ours: Answer, theirs: Answer): void {
  switch (difference) {
    case 'sandbox': {
      const expected = settingsOf(theirs);
      const sandbox = { enabled: true, network: { allowedDomains: [] } };
      assert.deepEqual(settingsOf(ours), { ...expected, sandbox });
      break;
    }
    case '405 with Allow':
      assert.equal(ours.status, 405);
      assert.equal(ours.headers['allow'], 'GET, HEAD');
      break;
    default: {
      assert.equal(ours.status, theirs.status);
      const { 'x-should-retry': retry, ...rest } = comparable(ours.headers);
      assert.equal(retry, 'false');
      // The request id in the body is another one, and as long.
      assert.deepEqual(Object.keys(rest), Object.keys(comparable(theirs.headers)));
    }
  }
}

function settingsOf({ body }: Answer): object {
  assert.ok(typeof body === 'object' && body !== null && 'settings' in body);
  assert.ok(typeof body.settings === 'object' && body.settings !== null);
  return body.settings;
}

function comparable(headers: Record<string, string>): Record<string, string> {
  const kept = Object.entries(headers)
    .map(([name, value]) => [name.toLowerCase(), value] as const)
    .filter(([name]) => !IGNORED.has(name))
    .sort(([a], [b]) => a.localeCompare(b));
  return Object.fromEntries(kept);
}
