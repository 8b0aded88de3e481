// The schema as text, for sites whose application role may not run DDL.

import type { Dialect } from './migration-step.ts';
import { appliedSteps, CREATE_MIGRATION_TABLE } from './migrations.ts';

/** What prints `renderDdl('postgres')`; the composition root answers it. */
export const DDL_COMMAND = 'npm start --silent -- store ddl';

/**
 * All tables, and the names that tell `migrate` that they are there. PostgreSQL's text may be run
 * again after an upgrade: what is there is passed over.
 */
export function renderDdl(dialect: Dialect): string {
  const steps = appliedSteps(dialect).map(({ name, statements }) => {
    const all = [...statements, `insert into migration (name) values ('${name}')`];
    const text = all.map((statement) => `${statement};`).join('\n');
    return dialect === 'postgres' ? unlessThere(name, text) : text;
  });
  const grant = dialect === 'postgres' ? [GRANT] : [];
  return `${[`${CREATE_MIGRATION_TABLE};`, ...steps, ...grant].join('\n\n')}\n`;
}

const GRANT =
  '-- What the role of store.postgres_url needs:\n' +
  '-- grant select, insert, update, delete on all tables in schema public to <role>;';

function unlessThere(name: string, text: string): string {
  return (
    `do $ddl$ begin\nif not exists (select from migration where name = '${name}') then\n` +
    `${text}\nend if;\nend $ddl$;`
  );
}
