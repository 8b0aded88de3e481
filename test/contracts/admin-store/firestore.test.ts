import { openFirestoreAdminStore } from '#shared/adapters/admin-store/firestore.ts';
import { onFirestoreEmulator, openFirestoreInstance } from '../../support/firestore-instance.ts';
import { adminStoreContract } from './suite.ts';

await onFirestoreEmulator('AdminStore contract', ({ host }) =>
  adminStoreContract({
    name: 'firestore',
    open: () => openFirestoreInstance(host, openFirestoreAdminStore, 'openAdminStoreAt'),
  }),
);
