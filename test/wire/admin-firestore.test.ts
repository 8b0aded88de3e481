import { onFirestore } from '../support/admin-servers.ts';
import { onFirestoreEmulator } from '../support/firestore-instance.ts';
import { replayAdminApi } from './admin-replays.ts';

await onFirestoreEmulator('the admin API', ({ host }) => replayAdminApi(onFirestore(host)));
