import { openSqliteGrantStore } from '#shared/adapters/grant-store/sqlite.ts';
import { openSqliteInstance } from '../../support/sqlite-instance.ts';
import { grantStoreContract } from './suite.ts';

grantStoreContract({
  name: 'sqlite',
  open: () => openSqliteInstance(openSqliteGrantStore, 'openGrantStoreAt'),
});
