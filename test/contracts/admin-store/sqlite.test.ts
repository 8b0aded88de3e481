import { openSqliteAdminStore } from '#shared/adapters/admin-store/sqlite.ts';
import { openSqliteInstance } from '../../support/sqlite-instance.ts';
import { adminStoreContract } from './suite.ts';

adminStoreContract({
  name: 'sqlite',
  open: () => openSqliteInstance(openSqliteAdminStore, 'openAdminStoreAt'),
});
