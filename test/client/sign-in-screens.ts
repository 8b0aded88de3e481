// The screens of Claude Code 2.1.330 from its prompt to a signed-in prompt, and what to press on
// each. Which of them appear depends on the gateway (an `email` in the token reply brings the
// account question, telemetry or env in the managed settings the approval) and their preselected
// answer on the build, so an answer is chosen by its words, never by its place.

import { setTimeout as pause } from 'node:timers/promises';
import type { Terminal } from '../support/terminal.ts';

export type Approve = (verificationUri: string, userCode: string) => Promise<void>;

export interface SignIn {
  /** Names of the screens that asked something, in order. */
  readonly screens: readonly string[];
  /** The account it asked about; undefined when the token reply has no `email`. */
  readonly account: string | undefined;
  /** The device code screen as it stood, with the gateway's login notice when it has one. */
  readonly codeScreen: string | undefined;
  /** Text of the managed settings approval; undefined when none was asked for. */
  readonly approval: string | undefined;
}

interface Step {
  readonly name: string;
  readonly pattern: RegExp;
  act(terminal: Terminal, screen: string, approve: Approve): Promise<void>;
}

const ANSWER_DEADLINE_MS = 10_000;
const LOOK_MS = 150;
const SIGNED_IN = /· Cloud gateway$/m;
const REFUSED = /^\s*✘ (.+)$/m;

const pressEnter = (terminal: Terminal) => terminal.press('Enter');

/** Latest screen first: an earlier one may still stand above it. */
const STEPS: readonly Step[] = [
  {
    name: 'approval',
    pattern: /Managed settings require approval/,
    act: (terminal) => choose(terminal, 'Yes, I trust these settings'),
  },
  { name: 'connected', pattern: /Connected to Cloud gateway/, act: pressEnter },
  {
    name: 'account',
    pattern: /Signed in to Cloud gateway as/,
    act: (terminal) => choose(terminal, 'Yes, continue'),
  },
  {
    name: 'code',
    pattern: /Code:\s+\S+[\s\S]*^\s*https?:\/\/\S+$/m,
    async act(_terminal, screen, approve) {
      const code = /Code:\s+(\S+)/.exec(screen)?.[1] ?? '';
      const uri = /^\s*(https?:\/\/\S+)$/m.exec(screen)?.[1] ?? '';
      await approve(uri, code);
    },
  },
  {
    name: 'trust',
    pattern: /Trust gateway .+\?/,
    act: (terminal) => choose(terminal, 'Yes, trust this gateway'),
  },
  { name: 'address', pattern: /Enter to connect/, act: pressEnter },
  {
    name: 'signed out',
    pattern: /Not logged in · run \/login/,
    async act(terminal) {
      await terminal.type('/login');
      await terminal.waitForScreen(/❯ \/login/, ANSWER_DEADLINE_MS);
      await terminal.press('Enter');
    },
  },
];

/** Rejects with the screen when the gateway refused, or when it is not signed in in time. */
export async function walkThroughSignIn(
  terminal: Terminal,
  approve: Approve,
  deadlineMs: number,
): Promise<SignIn> {
  const giveUpAt = performance.now() + deadlineMs;
  const answered = new Map<string, string>();
  for (;;) {
    const open = STEPS.filter((step) => !answered.has(step.name));
    const awaited = [...open.map((step) => step.pattern), SIGNED_IN, REFUSED];
    const screen = await terminal
      .waitForScreen(anyOf(awaited), Math.max(0, giveUpAt - performance.now()))
      .catch((error) => {
        throw new Error(`after ${[...answered.keys()].join(', ')}: ${error.message}`);
      });
    const step = open.find(({ pattern }) => pattern.test(screen));
    if (step === undefined && SIGNED_IN.test(screen)) return report(answered);
    const refusal = REFUSED.exec(screen)?.[1];
    if (step === undefined) throw new Error(`the client refused: ${refusal}\n${screen}`);
    answered.set(step.name, screen);
    await step.act(terminal, screen, approve);
  }
}

function report(answered: ReadonlyMap<string, string>): SignIn {
  const account = /Signed in to Cloud gateway as (\S+)/.exec(answered.get('account') ?? '')?.[1];
  const approval = /Managed settings require approval[\s\S]*/.exec(answered.get('approval') ?? '');
  const screens = [...answered.keys()];
  return { screens, account, codeScreen: answered.get('code'), approval: approval?.[0] };
}

/**
 * Moves the marker of a menu to an answer and takes it, until the menu is gone: a dialog may be
 * drawn anew, marker and all, or not listen yet. Enter only follows two equal looks, because the
 * other answer of every menu here ends the client.
 */
async function choose(terminal: Terminal, answer: string): Promise<void> {
  const giveUpAt = performance.now() + ANSWER_DEADLINE_MS;
  for (let before = ''; ; ) {
    const screen = await terminal.screen();
    const lines = screen.split('\n');
    const wanted = lines.findIndex((line) => line.includes(answer));
    const marker = lines.findIndex((line) => /^\s*❯ (?:\d\. )?(?:Yes|No), /.test(line));
    if (wanted === -1 || marker === -1) return;
    if (performance.now() > giveUpAt) throw new Error(`"${answer}" is not taken:\n${screen}`);
    if (screen === before) {
      await terminal.press(marker === wanted ? 'Enter' : marker < wanted ? 'Down' : 'Up');
    }
    before = screen === before ? '' : screen;
    await pause(LOOK_MS);
  }
}

function anyOf(patterns: readonly RegExp[]): RegExp {
  return new RegExp(patterns.map(({ source }) => `(?:${source})`).join('|'), 'im');
}
