import { isoTime } from '#shared/domain/clock.ts';
import { AppError } from '#shared/errors/app-error.ts';
import type { AdminStore, AuditRow, SpendLimit } from '#shared/ports/admin-store.ts';
import { parsePageLimit } from './page-query.ts';
import { renderSnapshot } from './render-limit.ts';

/** Who changed which cap, newest first; `after_id` goes on to older rows. */
export async function listAudit(
  admin: Pick<AdminStore, 'audit'>,
  query: URLSearchParams,
): Promise<object> {
  const limit = parsePageLimit(query, 100);
  const { rows, hasMore } = await admin.audit(parseAfterId(query.get('after_id')), limit);
  return { data: rows.map(renderAuditRow), has_more: hasMore };
}

function parseAfterId(text: string | null): number | null {
  if (text === null) return null;
  if (!/^\d{1,15}$/.test(text)) {
    throw new AppError('invalid_request', 'after_id: must be an audit event id');
  }
  return Number(text);
}

function renderAuditRow(row: AuditRow): object {
  return {
    type: 'audit_event',
    id: String(row.id),
    created_at: isoTime(row.atMs),
    actor: row.actor,
    action: row.action === 'erase' ? 'user.erase' : `spend_limit.${row.action}`,
    target_id: row.target,
    before: snapshot(row.before),
    after: snapshot(row.after),
    reason: row.reason,
  };
}

function snapshot(limit: SpendLimit | null): object | null {
  return limit === null ? null : renderSnapshot(limit);
}
