import { openFirestoreGrantStore } from '#shared/adapters/grant-store/firestore.ts';
import { onFirestoreEmulator, openFirestoreInstance } from '../../support/firestore-instance.ts';
import { grantStoreContract } from './suite.ts';

await onFirestoreEmulator('GrantStore contract', ({ host }) =>
  grantStoreContract({
    name: 'firestore',
    open: () => openFirestoreInstance(host, openFirestoreGrantStore, 'openGrantStoreAt'),
  }),
);
