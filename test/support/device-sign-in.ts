// Signs somebody in through the device flow, with the demo provider (or the tests' own) behind the
// gateway. For every end-to-end test that needs a session.

import assert from 'node:assert/strict';
import { type Browser, createBrowser, type Visit } from './browser.ts';

export type DemoName = 'dana' | 'casey' | 'ada';

export interface DeviceCodes {
  readonly deviceCode: string;
  readonly userCode: string;
}

export interface TokenReply {
  readonly status: number;
  readonly body: Record<string, string | number>;
}

/** The whole flow. @throws where any step answers what it should not. */
export async function signIn(options: {
  readonly gatewayUrl: string;
  readonly person: DemoName;
}): Promise<{ accessToken: string; refreshToken: string }> {
  const { gatewayUrl, person } = options;
  const codes = await startDevice(gatewayUrl);
  const page = await approve(createBrowser(), { gatewayUrl, person, ...codes });
  assert.match(page.text, /You’re signed in/);
  const { status, body } = await poll(gatewayUrl, codes.deviceCode);
  assert.equal(status, 200, JSON.stringify(body));
  return { accessToken: String(body.access_token), refreshToken: String(body.refresh_token) };
}

/** What a terminal does first. */
export async function startDevice(gatewayUrl: string): Promise<DeviceCodes> {
  const answer = await fetch(`${gatewayUrl}/oauth/device_authorization`, { method: 'POST' });
  const body = (await answer.json()) as { device_code: string; user_code: string };
  assert.equal(answer.status, 200, JSON.stringify(body));
  return { deviceCode: body.device_code, userCode: body.user_code };
}

/** What a person does in a browser; the page it ends on. */
export async function approve(
  browser: Browser,
  options: { gatewayUrl: string; userCode: string; person: DemoName },
): Promise<Visit> {
  const { gatewayUrl, userCode, person } = options;
  const choice = await browser.post(`${gatewayUrl}/device`, { user_code: userCode });
  assert.match(choice.text, /name="person"/, choice.text);
  return browser.post(choice.url, { person: `demo-${person}` });
}

/** What a terminal does while it waits. */
export function poll(gatewayUrl: string, deviceCode: string): Promise<TokenReply> {
  return token(gatewayUrl, {
    grant_type: 'urn:ietf:params:oauth:grant-type:device_code',
    device_code: deviceCode,
  });
}

export function refresh(gatewayUrl: string, refreshToken: string): Promise<TokenReply> {
  return token(gatewayUrl, { grant_type: 'refresh_token', refresh_token: refreshToken });
}

export async function token(
  gatewayUrl: string,
  fields: Record<string, string>,
): Promise<TokenReply> {
  const answer = await fetch(`${gatewayUrl}/oauth/token`, {
    method: 'POST',
    body: new URLSearchParams(fields),
  });
  return { status: answer.status, body: (await answer.json()) as TokenReply['body'] };
}
