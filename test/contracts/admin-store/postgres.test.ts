import { openPostgresAdminStore } from '#shared/adapters/admin-store/postgres.ts';
import { describeOnPostgres } from '../../support/postgres-instance.ts';
import { adminStoreContract } from './suite.ts';

describeOnPostgres((postgres) =>
  adminStoreContract({
    name: 'postgres',
    open: () => postgres.open(openPostgresAdminStore, 'openAdminStoreAt'),
  }),
);
