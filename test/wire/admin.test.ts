import { onSqlite } from '../support/admin-database.ts';
import { replayAdminApi } from './admin-replays.ts';

replayAdminApi(onSqlite);
