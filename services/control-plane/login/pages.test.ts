import assert from 'node:assert/strict';
import { test } from 'node:test';
import { confirmCodePage, enterCodePage } from './device-pages.ts';
import { html } from './html.ts';
import { failedPage, retryPage, signedInPage } from './outcome-pages.ts';
import { pageHeaders } from './page.ts';

const ATTACK = `"><script>alert('x')</script>&`;
const ESCAPED = '&quot;&gt;&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&amp;';

test('a text between tags or in an attribute stays a text', () => {
  assert.equal(html`<a href="${ATTACK}">${ATTACK}</a>`.html, `<a href="${ESCAPED}">${ESCAPED}</a>`);
  assert.equal(html`${[html`<b>1</b>`, html`<b>2</b>`]}${null}`.html, '<b>1</b><b>2</b>');
});

test('no page lets a foreign text become markup, and none has a script', () => {
  const origin = { requestedFrom: ATTACK, requestedAtMs: 0 };
  const pages = [
    enterCodePage({ refusal: ATTACK, loginNotice: ATTACK }),
    confirmCodePage({ userCode: ATTACK, origin, nowMs: 0, loginNotice: ATTACK }),
    failedPage(ATTACK),
    retryPage(ATTACK, ATTACK),
    signedInPage(ATTACK),
  ];
  for (const page of pages) {
    assert.ok(!page.includes('<script'), page);
    assert.ok(page.includes(ESCAPED), page);
  }
});

test('the policy names the style by hash and each origin once', () => {
  const policy = pageHeaders(['https://idp.test', 'https://idp.test'])['content-security-policy'];
  assert.ok(policy?.includes("form-action 'self' https://idp.test; base-uri 'none'"));
  assert.ok(!policy?.includes('unsafe-inline'));
});
