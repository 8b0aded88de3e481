import { onPostgres } from '../support/admin-servers.ts';
import { describeOnPostgres } from '../support/postgres-instance.ts';
import { replayAdminApi } from './admin-replays.ts';

describeOnPostgres(({ freshUrl }) => replayAdminApi(onPostgres(freshUrl)));
