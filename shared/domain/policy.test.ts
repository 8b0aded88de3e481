import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JsonObject } from './canonical-json.ts';
import { createPolicyBook, type Policy, type PolicyBookOptions } from './policy.ts';

const everybody = { groups: null, emailDomain: null };

function policy(match: Partial<Policy['match']>, settings: JsonObject): Policy {
  return { match: { ...everybody, ...match }, kind: 'cli', settings, serveToDesktop: null };
}

function book(policies: readonly Policy[] | null, options: Partial<PolicyBookOptions> = {}) {
  const push = { env: null, modelPricing: null };
  return createPolicyBook({ policies, mode: 'first_match', push, ...options });
}

function person(groups: readonly string[], email: string | null = 'dev@example.com') {
  return { groups, email };
}

function settings(answer: ReturnType<ReturnType<typeof book>['settingsFor']>): JsonObject {
  assert.equal(answer.outcome, 'matched');
  return answer.outcome === 'matched' ? answer.settings : {};
}

const r1 = policy({ groups: ['r1'] }, { env: { B: 'r1' }, model: 'one' });
const r2 = policy({ groups: ['r2', 'r3'] }, { env: { B: 'r2', D: 'r2' }, model: 'two' });
const base = policy({}, { env: { A: 'base', B: 'base' } });

test('the first policy that matches lies over the catch-all', () => {
  const policies = book([r1, r2, base]);
  assert.deepEqual(settings(policies.settingsFor(person(['r2', 'r1']))), {
    env: { A: 'base', B: 'r1' },
    model: 'one',
  });
  assert.deepEqual(settings(policies.settingsFor(person([]))), { env: { A: 'base', B: 'base' } });
});

test('layered: every match applies, the earlier one wins, the catch-all is beneath', () => {
  const policies = book([base, r1, r2], { mode: 'layered' });
  assert.deepEqual(settings(policies.settingsFor(person(['r3', 'r1']))), {
    env: { A: 'base', B: 'r1', D: 'r2' },
    model: 'one',
  });
});

test('a catch-all that is not last hides what follows it', () => {
  assert.deepEqual(settings(book([base, r1]).settingsFor(person(['r1']))), base.settings);
});

test('the e-mail domain is compared in any case, groups are not', () => {
  const policies = book([policy({ groups: ['g'], emailDomain: 'Example.com' }, {})]);
  assert.equal(policies.settingsFor(person(['g'], 'a@b@EXAMPLE.COM')).outcome, 'matched');
  assert.equal(policies.settingsFor(person(['G'])).outcome, 'no_match');
  assert.equal(policies.settingsFor(person(['g'], 'a@notexample.com')).outcome, 'no_match');
  assert.equal(policies.settingsFor(person(['g'], null)).outcome, 'no_match');
});

test('a policy for no group at all matches nobody', () => {
  assert.equal(book([policy({ groups: [] }, {})]).settingsFor(person(['g'])).outcome, 'no_match');
});

test('a role restricts models, a person without one is not restricted', () => {
  const role = policy({ groups: ['r1'] }, { availableModels: ['haiku'] });
  const nothing = policy({ groups: ['r2'] }, { availableModels: [] });
  const policies = book([role, nothing]);
  const member = person(['r1']);
  assert.equal(policies.mayUse(member, 'claude-haiku-4-5'), true);
  assert.equal(policies.mayUse(member, 'claude-opus-4-8'), false);
  assert.equal(policies.mayUse(person(['r2']), 'claude-haiku-4-5'), false);
  assert.equal(policies.mayUse(person([]), 'claude-opus-4-8'), true);
  assert.equal(book(null).mayUse(member, 'claude-opus-4-8'), true);
});

test('what the gateway pushes lies beneath a policy, key by key in env', () => {
  const push = { env: { A: 'push', X: 'push' }, modelPricing: { multiplier: 2 } };
  const policies = book([base], { push });
  assert.deepEqual(settings(policies.settingsFor(person([]))), {
    env: { A: 'base', X: 'push', B: 'base' },
    modelPricing: { multiplier: 2 },
  });
});

test('without a managed block telemetry alone is pushed, prices are not', () => {
  const push = { env: { X: '1' }, modelPricing: { multiplier: 2 } };
  assert.deepEqual(settings(book(null, { push }).settingsFor(person([]))), { env: { X: '1' } });
  assert.equal(book(null).settingsFor(person([])).outcome, 'not_configured');
  assert.equal(book([], { push }).settingsFor(person([])).outcome, 'no_match');
});

test('a role inherits serve_to_desktop from the base unless it says otherwise', () => {
  const open = { ...base, serveToDesktop: true };
  const closed = { ...r2, serveToDesktop: false };
  const policies = book([r1, closed, open]);
  const served = (groups: string[]) => {
    const answer = policies.settingsFor(person(groups));
    return answer.outcome === 'matched' && answer.serveToDesktop;
  };
  assert.equal(served(['r1']), true);
  assert.equal(served(['r2']), false);
});

test('people with the same matching policies share one merged document', () => {
  const policies = book([r1, base]);
  assert.equal(
    policies.settingsFor(person(['r1', 'x'])),
    policies.settingsFor(person(['y', 'r1'], null)),
  );
});
