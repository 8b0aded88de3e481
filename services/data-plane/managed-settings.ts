// GET /managed/settings, polled by every client: the role's document is rendered and hashed once
// and answered from memory. Only the exact quoted checksum is a match (clients send nothing else);
// `*` matches under `code:` policies, as in the reference.

import { createHash } from 'node:crypto';
import type { PolicyBook, PolicySettings } from '#shared/domain/policy.ts';
import { sendText } from '#shared/http/answer.ts';
import type { SessionExchange } from '#shared/http/route.ts';
import type { Log } from '#shared/telemetry/log.ts';

export interface ManagedSettingsDeps {
  /** The book of the configuration in force. */
  readonly policies: () => PolicyBook;
  readonly log: Log;
  /** Tallygate's own, sent as `x-cc-gateway-version`. */
  readonly version: string;
}

type Matched = Extract<PolicySettings, { outcome: 'matched' }>;

interface Document {
  readonly checksum: string;
  readonly etag: string;
  readonly body: Buffer;
}

const DESKTOP_SESSION = /\(external, (?:claude-desktop|claude-desktop-3p|local-agent)[,)]/;
const REFUSALS = {
  not_configured: 'not configured',
  no_match: 'no policy matched',
  matched: 'not served to Claude Desktop sessions',
} satisfies Record<PolicySettings['outcome'], string>;
const NO_STORE = { 'cache-control': 'no-store', pragma: 'no-cache' };

export function createManagedSettings(deps: ManagedSettingsDeps) {
  const documents = new WeakMap<Matched, Document>();
  const documentOf = (answer: Matched): Document => {
    const document = documents.get(answer) ?? renderDocument(answer);
    documents.set(answer, document);
    return document;
  };
  return (exchange: SessionExchange): void => {
    const { req, res, principal } = exchange;
    res.setHeader('vary', 'User-Agent');
    res.setHeader('x-cc-gateway-version', deps.version);
    const answer = deps.policies().settingsFor(principal);
    const isDesktop = isDesktopSession(req.headers['user-agent']);
    if (answer.outcome !== 'matched' || (isDesktop && isForTerminals(answer))) {
      sendText(res, 404, REFUSALS[answer.outcome], NO_STORE);
      return;
    }
    const document = documentOf(answer);
    const known = req.headers['if-none-match'];
    const isWildcard = known === '*' && answer.kind === 'code';
    const notModified = isWildcard || known === document.etag;
    deps.log.audit('managed.serve', {
      request_id: exchange.requestId,
      sub: principal.sub,
      email: principal.email,
      policy_index: answer.policyIndex,
      checksum: document.checksum,
      not_modified: notModified,
    });
    if (notModified) {
      res.writeHead(304, isWildcard ? NO_STORE : {}).end();
      return;
    }
    const headers = {
      etag: document.etag,
      'content-type': 'application/json;charset=utf-8',
      'content-length': document.body.byteLength,
    };
    res.writeHead(200, headers).end(document.body);
  };
}

function renderDocument({ settings, checksumInput }: Matched): Document {
  const checksum = `sha256:${createHash('sha256').update(checksumInput).digest('hex')}`;
  const body = Buffer.from(JSON.stringify({ uuid: checksum, checksum, settings }));
  return { checksum, etag: `"${checksum}"`, body };
}

function isDesktopSession(userAgent = ''): boolean {
  return DESKTOP_SESSION.test(userAgent);
}

function isForTerminals({ kind, serveToDesktop }: Matched): boolean {
  return kind === 'cli' && !serveToDesktop;
}
