import { openFirestoreLedger } from '#shared/adapters/ledger/firestore.ts';
import { onFirestoreEmulator, openFirestoreInstance } from '../../support/firestore-instance.ts';
import { ledgerContract } from './suite.ts';

await onFirestoreEmulator('Ledger contract', ({ host }) =>
  ledgerContract({
    name: 'firestore',
    open: () => openFirestoreInstance(host, openFirestoreLedger, 'openLedgerAt'),
  }),
);
