// The device flow in a real browser, which holds us to our own Content-Security-Policy, cookies
// and form rules: with JavaScript off, in light and in dark.

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { poll, startDevice } from '../support/device-sign-in.ts';
import { skipUnless } from '../support/needed.ts';
import { openSignInGateway, type SignInGateway } from '../support/sign-in-gateway.ts';

const CHROMIUM = '/usr/bin/chromium';
const skip = skipUnless(
  existsSync(CHROMIUM)
    ? { available: true }
    : { available: false, reason: `${CHROMIUM} is not there (Debian: apt-get install chromium)` },
);

/** Where to leave pictures of the pages for a person to look at; unset: nowhere. */
const PICTURES = process.env['TALLYGATE_PICTURES'];

let gateway: SignInGateway;
let browser: Browser;
before(async () => {
  if (skip !== false) return;
  gateway = await openSignInGateway({
    deps: { loginNotice: 'Use of this system is monitored.\nQuestions? Ask the IT desk.' },
  });
  browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] });
});
after(async () => {
  await browser?.close();
  await gateway?.[Symbol.asyncDispose]();
});

async function withPage(
  options: BrowserContextOptions,
  use: (page: Page, complaints: string[]) => Promise<void>,
): Promise<void> {
  const context = await browser.newContext({ viewport: { width: 900, height: 820 }, ...options });
  try {
    const page = await context.newPage();
    const complaints: string[] = [];
    page.on('console', (message) => complaints.push(message.text()));
    page.on('pageerror', (error) => complaints.push(String(error)));
    await use(page, complaints);
  } finally {
    await context.close();
  }
}

async function picture(page: Page, name: string): Promise<void> {
  if (PICTURES !== undefined) await page.screenshot({ path: join(PICTURES, `${name}.png`) });
}

/** Runs in the page: an element's text colour and the colour painted behind it. */
const PAINT = `(function colors(element) {
  let behind = element;
  const ground = (node) => getComputedStyle(node).backgroundColor;
  while (behind && ground(behind) === 'rgba(0, 0, 0, 0)') behind = behind.parentElement;
  return [getComputedStyle(element).color, behind ? ground(behind) : 'rgb(255, 255, 255)'];
})`;

/** Relative luminance contrast of the text against what is painted behind it (WCAG 1.4.3). */
async function contrast(page: Page, selector: string): Promise<number> {
  const colors = (await page.evaluate(
    `${PAINT}(document.querySelector('${selector}'))`,
  )) as string[];
  const [text = 0, ground = 0] = colors.map(luminance);
  return (Math.max(text, ground) + 0.05) / (Math.min(text, ground) + 0.05);
}

function luminance(color: string): number {
  const [r = 0, g = 0, b = 0] = (color.match(/[\d.]+/g) ?? []).map((part) => {
    const value = Number(part) / 255;
    return value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

for (const colorScheme of ['light', 'dark'] as const) {
  test(`a person signs in with JavaScript off (${colorScheme})`, { skip }, async () => {
    const { deviceCode, userCode } = await startDevice(gateway.url);
    await withPage({ javaScriptEnabled: false, colorScheme }, async (page, complaints) => {
      await page.goto(`${gateway.url}/device`);
      await picture(page, `1-enter-${colorScheme}`);
      await page.getByLabel('Code').fill('zzzz-zzzz');
      await page.getByRole('button', { name: 'Continue' }).click();
      await page.getByRole('alert').getByText('That code was not recognized').waitFor();
      await picture(page, `2-refused-${colorScheme}`);

      await page.goto(`${gateway.url}/device?user_code=${userCode}`);
      await page.getByText(userCode).waitFor();
      await page.getByText('Requested from').waitFor();
      await picture(page, `3-confirm-${colorScheme}`);
      await page.getByRole('button', { name: 'This matches my device' }).click();

      await page.getByRole('button', { name: 'Dana Developer' }).waitFor();
      await picture(page, `4-person-${colorScheme}`);
      await page.getByRole('button', { name: 'Dana Developer' }).click();

      await page.getByRole('heading', { name: 'You’re signed in' }).waitFor();
      await picture(page, `5-signed-in-${colorScheme}`);
      assert.deepEqual(complaints, []);
    });
    const { status, body } = await poll(gateway.url, deviceCode);
    assert.deepEqual([status, body.email], [200, 'dana@example.com']);
  });

  test(`the page reads well and fits a phone (${colorScheme})`, { skip }, async () => {
    const { userCode } = await startDevice(gateway.url);
    const viewport = { width: 360, height: 740 };
    await withPage({ colorScheme, viewport }, async (page) => {
      await page.goto(`${gateway.url}/device?user_code=${userCode}`);
      await picture(page, `6-phone-${colorScheme}`);
      for (const selector of ['h1', 'main > p', 'button.go', 'button.deny', 'dt', 'footer']) {
        const ratio = await contrast(page, selector);
        assert.ok(ratio >= 4.5, `${selector} has a contrast of ${ratio.toFixed(2)}`);
      }
      const width = Number(await page.evaluate('document.documentElement.scrollWidth'));
      assert.ok(width <= 360, `the page is ${width} wide`);
    });
  });
}

test('Deny in the browser ends the waiting terminal', { skip }, async () => {
  const { deviceCode, userCode } = await startDevice(gateway.url);
  await withPage({ javaScriptEnabled: false }, async (page) => {
    await page.goto(`${gateway.url}/device?user_code=${userCode}`);
    await page.getByRole('button', { name: 'Deny' }).click();
    await page.getByRole('heading', { name: 'You stopped this sign-in' }).waitFor();
    await picture(page, '7-stopped');
  });
  assert.equal((await poll(gateway.url, deviceCode)).body.error, 'access_denied');
});

test('opening the link submits nothing by itself', { skip }, async () => {
  const { deviceCode, userCode } = await startDevice(gateway.url);
  await withPage({}, async (page) => {
    await page.goto(`${gateway.url}/device?user_code=${userCode}`, { waitUntil: 'networkidle' });
    assert.equal(new URL(page.url()).pathname, '/device');
  });
  assert.equal((await poll(gateway.url, deviceCode)).body.error, 'authorization_pending');
});

test('a failed sign-in is shown in the browser', { skip }, async () => {
  const { userCode } = await startDevice(gateway.url);
  const error = { error: 'access_denied', error_description: 'You are not assigned to this app.' };
  gateway.idp.switches.callbackError = error;
  await withPage({}, async (page) => {
    await page.goto(`${gateway.url}/device?user_code=${userCode}`);
    await page.getByRole('button', { name: 'This matches my device' }).click();
    await page.getByRole('alert').getByText(error.error_description).waitFor();
    await picture(page, '8-failed');
  });
});
