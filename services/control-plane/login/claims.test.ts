import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ClaimRules, type Claims, claimAt, lacksClaims, readPerson } from './claims.ts';

const RULES: ClaimRules = {
  allowedEmailDomains: [],
  allowedGroups: [],
  groupsClaim: 'groups',
  emailClaims: ['email'],
  userIdClaim: null,
};
const ONE_DOMAIN = { ...RULES, allowedEmailDomains: ['example.com'] };
const DEV = { sub: 'dev', email: 'dev@example.com', name: 'Dev', groups: ['eng'] };

function person(claims: Claims, rules: ClaimRules = RULES, userinfo: Claims | null = null) {
  const reading = readPerson(claims, userinfo, rules);
  return reading.outcome === 'person' ? reading.person : assert.fail(reading.reason);
}

function reason(claims: Claims, rules: ClaimRules = RULES, userinfo: Claims | null = null) {
  const reading = readPerson(claims, userinfo, rules);
  return reading.outcome === 'refused' ? reading.reason : assert.fail('was let in');
}

test('groups may be a text or a list; what is no text is dropped, none is split', () => {
  const cases: [unknown, string[]][] = [
    ['eng', ['eng']],
    ['eng,ops', ['eng,ops']],
    [
      ['eng', ' x ', 1, null, ''],
      ['eng', ' x '],
    ],
    [
      ['a', 'a'],
      ['a', 'a'],
    ],
    [{ a: 1 }, []],
    [null, []],
    [undefined, []],
  ];
  for (const [groups, expected] of cases) {
    assert.deepEqual(person({ ...DEV, groups }).groups, expected, JSON.stringify(groups));
  }
});

test('a claim that is not a text is as good as missing', () => {
  assert.deepEqual(person({ sub: 'dev', email: 5, name: 7 }), {
    sub: 'dev',
    email: null,
    name: null,
    groups: [],
  });
});

test('without a subject nobody comes in', () => {
  for (const sub of [undefined, 5, '', null]) {
    assert.match(reason({ ...DEV, sub }), /missing required `sub`/);
  }
});

test('the domain is what follows the last @, in any case, to the letter', () => {
  for (const email of ['dev@EXAMPLE.com', '"a@b"@example.com', '@example.com']) {
    assert.equal(person({ ...DEV, email }, ONE_DOMAIN).email, email);
  }
  const outside = ['dev@example.com ', 'dev@sub.example.com', 'dev@notexample.com', 'example.com'];
  for (const email of [...outside, 'dev@example.com@evil.test']) {
    assert.equal(reason({ ...DEV, email }, ONE_DOMAIN), 'email domain not allowed', email);
  }
  assert.match(reason({ ...DEV, email: undefined }, ONE_DOMAIN), /missing email claim/);
});

test('an address that is said to be unverified is always refused, whoever says it', () => {
  for (const word of [false, 'false']) {
    assert.equal(reason({ ...DEV, email_verified: word }), 'email is not verified');
    const userinfo = { sub: 'dev', email_verified: word };
    assert.equal(reason(DEV, RULES, userinfo), 'email is not verified');
  }
  for (const word of [true, 'true', undefined]) person({ ...DEV, email_verified: word });
});

test('one allowed group is enough, and is compared to the letter', () => {
  const rules = { ...RULES, allowedGroups: ['eng', 'ops'] };
  assert.deepEqual(person({ ...DEV, groups: ['x', 'ops'] }, rules).groups, ['x', 'ops']);
  for (const groups of [['Eng'], ['eng '], [], undefined]) {
    assert.equal(reason({ ...DEV, groups }, rules), 'not in an allowed group');
  }
  const overage = { ...DEV, groups: undefined, _claim_names: { groups: 'src1' } };
  assert.match(reason(overage, rules), /too many/);
});

test('claims are found by key or JSON Pointer', () => {
  const claims = { 'https://x/roles': 'a', realm: { roles: ['r1'], 'a/b': { '~c': 1 } } };
  assert.equal(claimAt(claims, 'https://x/roles'), 'a');
  assert.deepEqual(claimAt(claims, '/realm/roles'), ['r1']);
  assert.equal(claimAt(claims, '/realm/roles/0'), 'r1');
  assert.equal(claimAt(claims, '/realm/a~1b/~0c'), 1);
  for (const missing of ['/realm/nobody', '/realm/roles/0/0', 'constructor', '/constructor', '']) {
    assert.equal(claimAt(claims, missing), undefined, missing);
  }
});

test('addresses are looked for in order, and user_id_claim becomes the subject', () => {
  const rules = { ...RULES, emailClaims: ['mail', 'upn'], userIdClaim: 'oid' };
  const found = person({ sub: 'dev', upn: 'upn@example.com', oid: 'OID-1' }, rules);
  assert.deepEqual([found.sub, found.email], ['OID-1', 'upn@example.com']);
  for (const oid of [undefined, '', 5]) {
    assert.match(reason({ ...DEV, oid }, rules), /^oidc\.user_id_claim names `oid`/);
  }
});

test('userinfo fills in what is missing and nothing else', () => {
  const userinfo = { sub: 'dev', email: 'ui@example.com', groups: ['ui'] };
  assert.deepEqual(person({ sub: 'dev' }, RULES, userinfo).groups, ['ui']);
  assert.deepEqual(person(DEV, RULES, userinfo).email, 'dev@example.com');
  assert.match(reason(DEV, RULES, { ...userinfo, sub: 'x' }), /userinfo sub missing or does not/);
});

test('userinfo is asked only for what the rules need', () => {
  assert.equal(lacksClaims(DEV, RULES), false);
  assert.equal(lacksClaims({ ...DEV, email: undefined }, RULES), true);
  assert.equal(lacksClaims({ ...DEV, groups: undefined }, RULES), true);
  assert.equal(lacksClaims(DEV, { ...RULES, userIdClaim: 'oid' }), true);
});
